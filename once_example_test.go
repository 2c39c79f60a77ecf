package growthgenius_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// An import that is run again creates nothing twice, whatever became of the first run.
func ExampleOnce() {
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	dir, err := os.MkdirTemp("", "import")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	run := func(rows ...string) error {
		l, err := ledger.OpenFile(filepath.Join(dir, "ledger"), ledger.FileOptions{For: "import of names.txt"})
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }()
		client := srv.Client(growthgenius.WithLedger(l))
		for i, name := range rows {
			_, err := client.Contacts.Create(context.Background(),
				growthgenius.ContactInput{FullName: growthgenius.Set(name)},
				growthgenius.Once(fmt.Sprint("row ", i)))
			if err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Println(run("Ana Lima", "Tony Stark"))
	fmt.Println(run("Ana Lima", "Tony Stark", "Tony Stark")) // another person of that name
	fmt.Println(len(srv.Contacts()), "contacts")
	// Output:
	// <nil>
	// <nil>
	// 3 contacts
}
