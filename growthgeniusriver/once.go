package growthgeniusriver

import (
	"fmt"

	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
)

// Once returns the option of a create that is to happen once per job, however often the job is
// attempted: see [growthgenius.Once]. The client needs a ledger that the processes share.
//
// The key is made of the kind, the id and the time of the insertion of the job, so that it is
// the same in all attempts, and another one if the sequence of the ids begins anew. name tells
// the creates of one job apart: it must be the same in each attempt, such as "contact" or the
// number of a row. A job that is inserted twice has two keys: insert it as a unique job, or
// use growthgenius.Once with a key of your own, such as the id of an order.
//
// The ledger must keep the key as long as the job may be attempted: for two months or longer. The
// 25 attempts that are River's default take about three weeks; snoozes, paused queues and a
// person who has a canceled job run again add to that.
func Once(job *rivertype.JobRow, name string) growthgenius.RequestOption {
	return growthgenius.Once(fmt.Sprintf("river/%s/%d/%d/%s", job.Kind, job.ID, job.CreatedAt.UnixMicro(), name))
}
