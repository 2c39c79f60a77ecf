package bulk_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/contactcsv"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// A program opens the ledger with ledger.OpenFile, in a file beside the input, and the client
// with NewClientFromEnv.
func ExampleImport() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.AddContacts(growthgenius.Contact{Email: "grace@example.com", Title: "Captain"})
	client := srv.Client(growthgenius.WithLedger(ledger.NewMemory()))

	file := strings.NewReader("E-Mail;First Name;Job Title\n" +
		"ada@example.com;Ada;Analyst\n" +
		"Grace@example.com;;Admiral\n" +
		"n/a;Alan;\n" +
		"ada@example.com;Ada;Countess\n")
	reader, err := contactcsv.NewReader(file, contactcsv.ReaderOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for result, err := range bulk.Import(context.Background(), client, bulk.FromCSV(reader), bulk.ImportOptions{}).Results() {
		if err != nil {
			log.Fatal(err) // run it again to go on
		}
		fmt.Println(result.Line, result.Outcome)
	}

	// Output:
	// 2 created
	// 3 updated
	// 4 rejected
	// 5 duplicate
}

// A dry run shows what an import would change. Its plan does that, and leaves alone what has
// changed since.
func ExampleRun_Plan() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.AddContacts(growthgenius.Contact{Email: "grace@example.com", Title: "Captain"})
	client := srv.Client(growthgenius.WithLedger(ledger.NewMemory()))
	rows := func(yield func(bulk.Row, error) bool) {
		yield(bulk.Row{Line: 1, Input: growthgenius.ContactInput{
			Email: growthgenius.Set("grace@example.com"), Title: growthgenius.Set("Admiral"),
		}}, nil)
	}

	dry := bulk.Import(context.Background(), client, rows, bulk.ImportOptions{DryRun: true})
	for result, err := range dry.Results() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Outcome, result.Changes)
	}
	run := bulk.Import(context.Background(), client, rows, bulk.ImportOptions{Plan: dry.Plan()})
	for result, err := range run.Results() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Outcome)
	}

	// Output:
	// updated [title: "Captain" → "Admiral"]
	// updated
}
