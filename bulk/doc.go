// Package bulk runs jobs over many records: [Import] makes contacts of the rows of a table,
// [Enrich] looks up companies and people, and [LogMessages] logs the mails of mailboxes.
//
//	run := bulk.Import(ctx, client, bulk.FromCSV(reader), bulk.ImportOptions{})
//	for result, err := range run.Results() {
//		if err != nil {
//			return err // the job ended early: run it again to go on
//		}
//		fmt.Println(result)
//	}
//
// A job begins when its results are ranged over, and ends with the loop. Each row, lookup and
// mail has a result: what cannot be done for one of them does not end the job. Only an error
// beside a result does, such as a key that the API refuses. The Progress of a run may be read
// on any goroutine, at any time.
//
// What is done is stored as it is done: in the client's ledger, or in its cache of lookups. So
// a job that was interrupted, or killed, is run again with the same input, and goes on where
// it ended. See packages ledger, sqlstore and redisstore for ledgers.
package bulk
