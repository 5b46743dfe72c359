"""What the process says about itself: metrics, the status document, the live page's frames, verdicts and logs, made from frozen reports and actions."""
