package notice

import (
	"math/rand/v2"
	"time"
)

// How often a message is tried: after a minute, then after twice as long each
// time, up to the lane's longest pace, each but the first up to a fifth
// earlier, so that what failed together doesn't come back together.
const (
	firstPace  = time.Minute
	longest    = 6 * time.Hour
	longestNow = 10 * time.Minute // of urgent messages
)

// lookEvery is how long Run sleeps at most: it bounds how late a message is
// that nobody called [Queue.Wake] for, and how late a clock that jumped is seen.
const lookEvery = 10 * time.Second

// coolDown is how long a delivery rests after trouble of our own, such as a
// disk that is full.
const coolDown = time.Minute

func longestPace(lane int) time.Duration {
	if lane == Urgent.lane() {
		return longestNow
	}
	return longest
}

// pace is how long to wait after so many failures, at least 1.
func pace(lane, failures int, stuck bool) time.Duration {
	most := longestPace(lane)
	wait := most
	if doublings := failures - 1; !stuck && doublings < 16 {
		wait = min(firstPace<<doublings, most)
	}
	return max(firstPace, wait-rand.N(wait/5))
}
