"""What the process says about itself: metrics, the status document, verdicts and logs, made from frozen reports and actions."""
