package worker_test

import (
	"context"
	"encoding/json"
	goruntime "runtime"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func goexit(context.Context, *runtime.Task) (json.RawMessage, error) {
	goruntime.Goexit()
	return nil, nil
}
