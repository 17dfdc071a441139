"""The pages, by place. Every route names its permission; every form its session."""
