#!/usr/bin/env bash
# A class graded by eight Slurm jobs. Every job grades its part; a last one joins the parts.
#
#   mkdir grades && bash slurm.sh ~/class/submissions "$PWD/grades" 5
#
# submits both: the submissions, an empty folder that all nodes see, and one seed for all parts. Run it in
# the course's folder, where `python run.py lab` made `.venv`. The nodes need bubblewrap and must let users
# make a sandbox; `python -m grading` says in one sentence if they do not.
set -euo pipefail
parts=8

if [ -z "${SLURM_JOB_ID:-}" ]; then
    submissions=$(realpath "$1") out=$(realpath "$2") seed=$3
    job=$(sbatch --parsable --array="1-$parts" --cpus-per-task=4 --mem=14G --time=04:00:00 \
        --output="$out/part-%a.log" "$0" "$submissions" "$out" "$seed")
    # after the parts, also if one has failed: the merge says which one is missing
    sbatch --dependency="afterany:${job%%;*}" --mem=4G --time=00:30:00 \
        --output="$out/merge.log" "$0" "$submissions" "$out" "$seed"
elif [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    # 3: some files could not be graded, which the merge reports
    .venv/bin/python -m grading "$1" --out "$2/part-$SLURM_ARRAY_TASK_ID" --jobs 4 --seed "$3" \
        --shard "$SLURM_ARRAY_TASK_ID/$parts" || [ $? -eq 3 ]
else
    .venv/bin/python -m grading merge "$2"/part-*/ --out "$2/all"
fi
