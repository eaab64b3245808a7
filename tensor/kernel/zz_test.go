package kernel

func init() { setTier(tierAVX2) }
