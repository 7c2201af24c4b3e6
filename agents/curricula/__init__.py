"""Published curricula and data mixtures: rules from accuracies or losses to shares of a step."""
