package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// sample is a file as people have them: with two lines before its header, semicolons, a column
// that no field is for, a row that repeats another one, and one that has to be mended.
const sample = `Leads of the fair
;;;;
E-Mail;First Name;Last Name;Job Title;Badge
ada@example.com;Ada;Lovelace;Analyst;A-1
grace@example.com;Grace;Hopper;Rear Admiral;A-2
Ada@Example.com;Ada;Lovelace;Analyst;A-3
n/a;Alan;Turing;Reader;A-4
;Hedy;Lamarr;Inventor;A-5
`

// demo imports the sample into a server in memory: first as a dry run, then really, and then the
// row that was rejected, mended.
func demo(ctx context.Context) (*summary, error) {
	server, err := growthgeniustest.Start()
	if err != nil {
		return nil, err
	}
	defer server.Close()
	server.AddContacts(growthgenius.Contact{FirstName: "Grace", LastName: "Hopper", Email: "grace@example.com", Title: "Captain"})
	dir, err := os.MkdirTemp("", "import")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := csvFile{path: filepath.Join(dir, "leads.csv")}
	if err := os.WriteFile(file.path, []byte(sample), 0o600); err != nil {
		return nil, err
	}
	newClient := func(opts ...growthgenius.Option) (*growthgenius.Client, error) { return server.Client(opts...), nil }

	fmt.Println("GROWTHGENIUS_API_KEY is not set: this is a server in memory, and a sample file.")
	fmt.Println("\nA dry run:")
	if _, err := importFile(ctx, newClient, file, options{ImportOptions: bulk.ImportOptions{DryRun: true}}); err != nil {
		return nil, err
	}
	fmt.Println("\nThe import:")
	if _, err := importFile(ctx, newClient, file, options{}); err != nil {
		return nil, err
	}
	fmt.Println("\nThe rejected row, mended:")
	file.path = filepath.Join(dir, "leads-rejected.csv")
	text, err := os.ReadFile(file.path)
	if err != nil {
		return nil, err
	}
	mended := bytes.ReplaceAll(text, []byte("n/a"), []byte("alan@example.com"))
	if err := os.WriteFile(file.path, mended, 0o600); err != nil { //nolint:gosec // in a new folder
		return nil, err
	}
	s, err := importFile(ctx, newClient, file, options{})
	if err != nil {
		return nil, err
	}
	fmt.Printf("\nThe server has %d contacts.\n", len(server.Contacts()))
	return s, nil
}
