"""The demonstration: the real process beside a slow application, on an embedded broker, through a traffic spike."""
