module example.org/traced

go 1.26.0

require github.com/stem-jobs/stem v0.0.0

replace github.com/stem-jobs/stem => ../..
