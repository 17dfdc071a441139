"""The console's rules, without a framework in sight: roles, deployments, alerts, the public record."""
