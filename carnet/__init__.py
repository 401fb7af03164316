"""The paper's model and losses; `carnet.fast` holds exact, faster forms of both."""
