package wire

import "math"

const (
	// RecordGrowth is how many times the size of its JSON a record may take in memory.
	RecordGrowth = 8
	// minTaken is what a record may take in memory however small its JSON is.
	minTaken = 64 << 20
	// mapBytes is what a map of up to eight raw values takes, memberBytes each further one.
	mapBytes    = 400
	memberBytes = 100
)

// Bound returns how much memory may be taken by what was decoded from so much JSON.
func Bound(read int64) int64 {
	return max(minTaken, RecordGrowth*min(read, math.MaxInt64/RecordGrowth))
}

// InList returns what an element of this size takes in a list that grows: beside it, the list
// is copied to one that is a quarter longer.
func InList(size uintptr) uintptr { return size * 9 / 4 }

// Room returns for how many elements of this size a list should have room that has n, read from
// so many bytes of the response: for all, if those in the rest of it are as long. A list that
// grows step by step is copied several times. Room is bounded since short elements may take
// many times their JSON in memory.
func Room(n int, read, response int64, size uintptr) int {
	most := min(4*int64(n), Bound(read)/int64(size)) //nolint:gosec // no type is that large
	all := int64(float64(n)*float64(response)/float64(max(1, read))) + 1
	return max(n+n/4+1, int(min(all, most)))
}

// takes adds to the memory that the record takes, and reports whether the record is still
// within its bound. Without one, a 64 MB list of empty objects would take many times that.
func (d *decoder) takes(w *walk, size uintptr) bool {
	d.taken += int64(size) //nolint:gosec // no type is that large
	d.full = d.full || d.taken > Bound(int64(w.at-w.start))
	return !d.full
}

// takesMember adds what one more member takes in a map that has n members.
func (d *decoder) takesMember(w *walk, n int) {
	if n >= 8 { // mapBytes has room for the first ones
		d.takes(w, memberBytes)
	}
}
