// Package contactcsv reads contacts from CSV files as people have them, and writes the rows
// that were rejected to a file that can be mended and read again.
//
//	r, err := contactcsv.NewReader(file, contactcsv.ReaderOptions{})
//	...
//	fmt.Println(r.Dialect(), r.Unmapped())
//	for row, err := range r.Rows() {
//		if bad, ok := errors.AsType[*contactcsv.RowError](err); ok {
//			rejects.Write(row, bad)
//			continue
//		}
//		if err != nil {
//			return err
//		}
//		use(row.Line, row.Input)
//	}
//
// # What is found out
//
// The encoding, the delimiter, the line ends and the header row are found out, and
// [Reader.Dialect] says what they are and how sure that is. Each can be given in
// [ReaderOptions] instead. A file that is not CSV, or whose encoding cannot be found out, is
// refused: see [FileError].
//
// # Columns
//
// Columns are mapped to the fields of [growthgenius.ContactInput] by their names: the names
// that the fields have in Go and in JSON, the usual others, and those in the exports of
// HubSpot, Salesforce, Google Contacts, Outlook, LinkedIn, Apollo, Pipedrive and Zoho. A
// [Mapping] says what becomes of the others. [Reader.Columns] and [Reader.Unmapped] list what
// each column is mapped to.
//
// If several columns are mapped to a field, the one with the better name counts, and the
// others only if its cell is empty. Among e-mail addresses that is the order email, work,
// personal, home, other, second, third. Columns whose names are equally good, such as two
// that are called "Email", must not have different values in a row: that is a [RowError].
//
// A column that is called "name" is the full name, unless there is also a "full_name".
// Names are not split and not joined. "Title" is a salutation if there is also a "Job Title"
// or a "Position". The phone numbers of Google Contacts go to the fields that their labels
// mean; one whose field has a value goes to first_phone or other_phone.
//
// # Cells
//
// White space around a value is removed. An empty cell leaves its field unset; see
// [ReaderOptions].EmptyClears. Some values are changed, without loss: phone numbers lose what
// keeps spreadsheets from taking them for formulas, as in '+49 30 1234567 and ="0301234567",
// and "linkedin.com/in/..." gets its "https://". Any other value is sent as it is, also one
// that a spreadsheet takes for a formula, such as =1+1.
package contactcsv
