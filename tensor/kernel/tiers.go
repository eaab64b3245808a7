package kernel

// missing returns what this processor, or this build, lacks for the tier t.
func missing(t tier) []string {
	d := &definitions[t]
	if d.use == nil {
		return []string{"assembly in this build"}
	}
	var names []string
	for _, n := range d.needs() {
		if !n.met {
			names = append(names, n.name)
		}
	}
	return names
}

// bestTier returns the highest tier that this build has on this processor.
func bestTier() tier {
	best := tierGeneric
	for int(best+1) < len(tierNames) && len(missing(best+1)) == 0 {
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
	if int(t) == len(tierNames) {
		return "", nil
	}
	return t.String(), missing(t)
}
