package kernel

// tierNames are those of all tiers, the lowest first, whether or not this build has them.
var tierNames = [...]string{"generic", "avx2", "avx512", "avx512bf16", "amx"}
