# A base of which nothing is left to run but Python: no shell, no other program.
ARG BASE
FROM ${BASE}
RUN ["python3", "-c", "import pathlib; [program.unlink() for folder in ('/usr/bin', '/usr/sbin') for program in pathlib.Path(folder).iterdir() if not program.name.startswith('python') and not program.is_dir()]"]
