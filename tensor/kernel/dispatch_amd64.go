package kernel

// bestTier returns the highest tier that this processor has.
func bestTier() tier { return tierGeneric }
