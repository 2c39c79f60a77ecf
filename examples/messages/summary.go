package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/growthgenius/growthgenius-go/bulk"
)

// outcomes are those of the table, in its order. Those before bulk.NoContact are fine.
var outcomes = []bulk.Outcome{
	bulk.Logged, bulk.AlreadyLogged, bulk.Skipped, bulk.NoContact, bulk.SeveralContacts, bulk.Rejected, bulk.Unknown, bulk.Failed, bulk.Pending,
}

// summary counts results.
type summary struct {
	counts    map[bulk.Outcome]int
	strangers map[string]int // how many mails there are of each address without a contact
}

// add counts a result, and reports whether it has to be looked at.
func (s *summary) add(r *bulk.MessageResult) bool {
	s.counts[r.Outcome]++
	switch r.Outcome {
	case bulk.NoContact:
		s.strangers[strings.ToLower(r.Address)]++
	case bulk.SeveralContacts, bulk.Rejected, bulk.Unknown, bulk.Failed:
		return true
	}
	return false
}

// status returns the exit status of the program.
func (s *summary) status() int {
	switch {
	case s.counts[bulk.Failed] > 0:
		return 1
	case s.counts[bulk.Unknown] > 0:
		return 4
	case s.counts[bulk.NoContact]+s.counts[bulk.SeveralContacts]+s.counts[bulk.Rejected] > 0:
		return 3
	default:
		return 0
	}
}

// print prints a table of the outcomes, and the addresses that most mails without a contact have.
func (s *summary) print(dryRun bool) {
	const most = 10
	if n := len(s.strangers); n > 0 {
		fmt.Println("addresses without a contact:", n)
		addresses := slices.SortedFunc(maps.Keys(s.strangers), func(a, b string) int {
			return cmp.Or(cmp.Compare(s.strangers[b], s.strangers[a]), strings.Compare(a, b))
		})
		for _, address := range addresses[:min(n, most)] {
			fmt.Printf("%8d × %s\n", s.strangers[address], address)
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	total := 0
	for _, outcome := range outcomes {
		name, n := string(outcome), s.counts[outcome]
		if outcome == bulk.Logged && dryRun {
			name = "would be logged"
		}
		if total += n; n > 0 {
			fmt.Fprintf(table, "%s\t%d\t\n", name, n)
		}
	}
	fmt.Fprintf(table, "total\t%d\t\n", total)
	_ = table.Flush()
}
