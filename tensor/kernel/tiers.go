package kernel

// bestTier returns the highest tier that this build has on this processor.
func bestTier() tier {
	best := tierGeneric
	for best+1 < tierCount && len(missing(best+1)) == 0 {
		best++
	}
	return best
}

// BestTier names the highest tier that this build has on this processor.
func BestTier() string { return bestTier().String() }

// NextTier names the tier above the best one and what this processor or build
// lacks for it; next is empty if there is none above.
func NextTier() (next string, lacks []string) {
	t := bestTier() + 1
	if t == tierCount {
		return "", nil
	}
	return t.String(), missing(t)
}
