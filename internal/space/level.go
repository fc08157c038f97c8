package space

// Level is how much room there is, in a word. It is told where the bytes must
// not be: beside what was deleted, they say what was kept.
type Level string

// The levels.
const (
	Ample   Level = "ample"
	Low     Level = "low"     // less than a tenth is free
	Short   Level = "short"   // less than a fiftieth is free
	Full    Level = "full"    // what adds is refused
	Unknown Level = "unknown" // the file system doesn't say
)

// LevelOf says how much room a folder's file system has, when below reserve bytes
// nothing is added any more.
func LevelOf(dir string, reserve int64) Level {
	return level(free(dir), total(dir), reserve)
}

func level(free, total, reserve int64) Level {
	switch {
	case free >= unknown || total <= 0:
		return Unknown
	case free < reserve:
		return Full
	case free < total/50:
		return Short
	case free < total/10:
		return Low
	}
	return Ample
}
