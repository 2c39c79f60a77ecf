package match

import (
	"encoding/json"
	"fmt"
	"testing"
)

func namedRow(first, last string) Row {
	row := Row{}
	row["first_name"], _ = json.Marshal(first)
	row["last_name"], _ = json.Marshal(last)
	return row
}

// TestIndexWalksFew: what a search costs does not depend on how many records have a part of
// their names in common which does not decide.
func TestIndexWalksFew(t *testing.T) {
	t.Parallel()
	const records = 1000
	index := NewIndex[int](Contact)
	for i := range records {
		index.Add(i, namedRow("Ada", fmt.Sprint("Byron ", records+i))) // none is the beginning of another
	}
	for i := range records {
		if found := index.Find(namedRow("Ada", fmt.Sprint("Byron ", records+i))); len(found) != 1 {
			t.Fatalf("%d are found", len(found))
		}
	}
	if most := 20 * records; index.walked < records || index.walked > most {
		t.Errorf("%d entries of tables for %d records, at most %d are expected", index.walked, records, most)
	}
}

// TestIndexForgets: records that were removed are not looked at for long.
func TestIndexForgets(t *testing.T) {
	t.Parallel()
	const records = 1000
	index := NewIndex[int](Contact)
	for i := range records {
		index.Add(i, namedRow("Ada", "Byron"))
	}
	walk := func() int {
		before := index.walked
		index.Find(namedRow("Ada", "Byron"))
		return index.walked - before
	}
	all := walk()
	for i := range records {
		index.Remove(i, namedRow("Ada", "Byron"))
		if left := records - 1 - i; left == records/2 || left == records/4 || left == 1 {
			if n := walk(); n > all*2*(left+1)/records {
				t.Errorf("%d entries are looked at for %d records, and %d for %d", n, left, all, records)
			}
		}
	}
	if found := index.Find(namedRow("Ada", "Byron")); len(found) > 0 {
		t.Errorf("it finds %v", found)
	}
}
