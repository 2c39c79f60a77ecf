package contactcsv_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/growthgenius/growthgenius-go/contactcsv"
)

const connections = `Notes:
"When exporting your connection data, you may notice that some of the email addresses are missing."

First Name,Last Name,URL,Email Address,Company,Position,Connected On
Priya,Sharma,https://www.linkedin.com/in/priya-sharma-example,,"Stride, Inc.",Recruiter,12 Mar 2026
Ana,Costa,https://www.linkedin.com/in/ana-costa-example,n/a,Costa Lda,Manager,03 Jan 2026
`

func ExampleNewReader() {
	r, err := contactcsv.NewReader(strings.NewReader(connections), contactcsv.ReaderOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Dialect())
	fmt.Println("unmapped:", r.Unmapped())
	for row, err := range r.Rows() {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(row.Line, row.Input.FirstName, row.Input.Title, row.Input.CompanyName)
	}
	// Output:
	// UTF-8 (likely), delimiter "," (certain), header in line 4 (certain)
	// unmapped: [Connected On]
	// 5 Priya Recruiter Stride, Inc.
	// contactcsv: line 6: column "Email Address": it is not a valid e-mail address: it should look like "elon@tesla.com"
}

func ExampleMapping() {
	mapping, err := contactcsv.ParseMapping([]byte(`{"Score": "custom1", "Region": "extra:region", "Nr": "ignore"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	file := "Nr;Vorname;Score;Region\n1;Jörg;97;Süd\n"
	r, err := contactcsv.NewReader(strings.NewReader(file), contactcsv.ReaderOptions{Mapping: mapping})
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range r.Rows() {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(row.Input.FirstName, row.Input.Custom1, row.Input.Extra["region"])
	}
	// Output: Jörg 97 Süd
}

func ExampleRejects() {
	r, err := contactcsv.NewReader(strings.NewReader(connections), contactcsv.ReaderOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rejects := contactcsv.NewRejects(os.Stdout, r)
	for row, err := range r.Rows() {
		if _, bad := errors.AsType[*contactcsv.RowError](err); bad {
			err = rejects.Write(row, err)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// _line,_field,_error,First Name,Last Name,URL,Email Address,Company,Position,Connected On
	// 6,email,"column ""Email Address"": it is not a valid e-mail address: it should look like ""elon@tesla.com""",Ana,Costa,https://www.linkedin.com/in/ana-costa-example,n/a,Costa Lda,Manager,03 Jan 2026
}
