"""Pure rules: the hard deny, what files forbid besides, separation of duties."""
