"""From rows that alert to incidents that a person looks at, and to the forms in which others take them."""
