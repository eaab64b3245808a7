package kernel

// tierNames are those of all tiers, the lowest first. Of neon there are no routines yet.
var tierNames = [...]string{"generic", "neon"}
