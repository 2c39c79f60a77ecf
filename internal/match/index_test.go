package match_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

// finds reports whether an index with one record finds it by another one.
func finds(resource string, content, row match.Row) bool {
	index := match.NewIndex[int](resource)
	index.Add(1, content)
	return len(index.Find(row)) == 1
}

// identities are texts for the fields that identify a contact, with what is near to them.
var identities = map[string][]string{
	"email": {"ada@example.com", "jörg@example.com", "n/a", "jörg@müller.example", "a.very.long.name.of.somebody@department.example.com", ""},
	"full_name": {
		"Ada Byron", "Byron, Ada", "Dr. Ada King Byron", "Ada", "José Müller", "Jose Mueller", "JosÃ© MÃ¼ller", "Jos? M?ller", "Иван Петров", "Tom 👍 Jerry", "-", "",
		"Alexandra Papadopoulos", "Alexandra ", "Alexandra Papadopoulos-Konstantinopoulou von und zu Hohenlohe-Schillingsfürst und Taxis",
		"a b c d e f g h i j", "a j", "j i h g f e d c b a", "A. B. C. D. E. F.", "A. B. C. D.", "<b>Ada</b> Byron", "<script>x</script>Ada", "ß Straße",
	},
	"name":       {"Ada Byron", "Byron", " ", ""},
	"first_name": {"Ada", "ada ", "Ad", "Anna-Maria Magdalena", "Anna-Maria", "José", "?", " ", ""},
	"last_name":  {"Byron", "BYRON", "Müller", "M?ller", "Papadopoulos", "Papadopoul", ""},
	"first_phone": {
		"+49 (0)151 1234567", "0151 1234567", "1234567", "1234567 ext. 12", "ext. 12", "n/a", "N/A", "NaN", "000", "0", "x12 x13", "",
	},
	"work_phone":   {"0151-1234567", "+49 151 1234567x12", "7654321", ""},
	"linkedin_url": {"https://de.linkedin.com/in/ada?x=1", "in/ada", "ada", "linkedin.com/in/bob", "%41da", "&#37;41da", "", "/"},
	"twitter_url":  {"@ada", "https://twitter.com/ada", "Ãda", ""},
	"title":        {"CTO", "CEO", ""},
}

func drawIdentity(rt *rapid.T, label string, record map[string]string) {
	for _, field := range slices.Sorted(maps.Keys(identities)) {
		switch rapid.IntRange(0, 3).Draw(rt, label+" "+field+"?") {
		case 0:
			record[field] = rapid.SampledFrom(identities[field]).Draw(rt, label+" "+field)
		case 1:
			delete(record, field)
		}
	}
}

// TestIndexFindsAll: an index finds each record for which Compare does not return Unlike,
// however many it has, whichever it has lost since, and in whatever order it is used.
func TestIndexFindsAll(t *testing.T) {
	t.Parallel()
	alike := map[match.Likeness]int{}
	rapid.Check(t, func(rt *rapid.T) {
		index, contents := match.NewIndex[int](match.Contact), map[int]match.Row{}
		check := func(row match.Row) {
			found := index.Find(row)
			for i, content := range contents {
				like := match.Compare(match.Contact, content, row)
				alike[like]++
				if like != match.Unlike && !slices.Contains(found, i) {
					rt.Errorf("%s is like %s (%d), and the index does not find it", text(content), text(row), like)
				}
			}
			if unique := slices.Compact(slices.Sorted(slices.Values(found))); len(unique) != len(found) {
				rt.Errorf("it finds %v", found)
			}
			for _, i := range found {
				if contents[i] == nil {
					rt.Errorf("it finds %d, which was removed", i)
				}
			}
		}
		record := map[string]string{}
		for i := range rapid.IntRange(1, 8).Draw(rt, "records") {
			drawIdentity(rt, "sent", record)
			contents[i] = asRow(record)
			index.Add(i, contents[i])
			stored := maps.Clone(record)
			drawIdentity(rt, "stored", stored)
			for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(rewritings))), 0, 2).Draw(rt, "rewritings") {
				for field, text := range stored {
					stored[field] = rewritings[name](field, text)
				}
			}
			if rapid.Bool().Draw(rt, "cut") {
				for _, field := range []string{"full_name", "last_name"} {
					stored[field] = string([]rune(stored[field])[:min(len([]rune(stored[field])), 10)])
				}
			}
			check(asRow(stored))
			check(asRow(record))
			if gone := rapid.IntRange(0, 20).Draw(rt, "remove"); contents[gone] != nil {
				index.Remove(gone, contents[gone])
				delete(contents, gone)
			}
			if index.Len() != len(contents) {
				rt.Errorf("it has %d records of %d", index.Len(), len(contents))
			}
		}
	})
	if alike[match.Near] < 40 || alike[match.Exact] < 40 { // -short draws a fifth
		t.Errorf("too few are alike: %v", alike)
	}
}

func text(row match.Row) string {
	raw, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// TestIndexFindsFew: an index of many records finds few others than the ones that are like a
// record, whatever identifies them.
func TestIndexFindsFew(t *testing.T) {
	t.Parallel()
	const records = 2000
	for name, content := range map[string]func(i int) map[string]string{
		"addresses":  func(i int) map[string]string { return map[string]string{"email": fmt.Sprintf("ada%d@example.com", i)} },
		"no letters": func(i int) map[string]string { return map[string]string{"email": fmt.Sprintf("ж%d@example.com", i)} },
		"names": func(i int) map[string]string {
			return map[string]string{"full_name": fmt.Sprintf("Person Number %d", i)}
		},
		"parts": func(i int) map[string]string {
			return map[string]string{"first_name": "Ada", "last_name": fmt.Sprintf("Byron %d", i), "work_phone": "+49 30 123456", "title": "CTO"}
		},
		"numbers": func(i int) map[string]string { return map[string]string{"mobile_phone": fmt.Sprintf("+49151%07d", i)} },
		"pages": func(i int) map[string]string {
			return map[string]string{"linkedin_url": fmt.Sprintf("https://linkedin.com/in/ada-%d", i)}
		},
		"accents": func(i int) map[string]string {
			return map[string]string{"full_name": fmt.Sprintf("José Müller %d", i)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			index := match.NewIndex[int](match.Contact)
			for i := range records {
				index.Add(i, asRow(content(i)))
			}
			found := 0
			for i := range records {
				all := index.Find(asRow(content(i)))
				if !slices.Contains(all, i) {
					t.Fatalf("%v is not found", content(i))
				}
				found += len(all)
			}
			if most := 5 * records; found > most {
				t.Errorf("%d are found by %d records, more than %d", found, records, most)
			}
			if other := index.Find(asRow(map[string]string{"full_name": strings.Repeat("x", 30), "email": "x@example.org"})); len(other) > 0 {
				t.Errorf("%d are found by a stranger", len(other))
			}
		})
	}
}
