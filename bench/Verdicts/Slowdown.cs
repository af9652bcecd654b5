using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Bench.Verdicts;

/// <summary>One cause that makes a run slow.</summary>
/// <param name="Cause">The cause in words.</param>
/// <param name="Expected">The verdict that names it.</param>
/// <param name="Sets">Keys of the run file that differ, as KEY=VALUE.</param>
internal sealed record Slowdown(string Cause, Bound Expected, string[] Sets)
{
    /// <summary>Arguments of strace, which delays system calls of all processes of the run; empty to run without it.</summary>
    public string[] Strace { get; init; } = [];

    /// <summary>
    /// True to stop the last worker half of the time. Steps must be longer than a stop: a worker that is stopped in a collective seems to
    /// wait for others.
    /// </summary>
    public bool StopsAWorker { get; init; }

    /// <summary>The slow runs.</summary>
    /// <param name="demo">The demo corpus' Parquet file, whose reads can be delayed.</param>
    /// <param name="corpora">Corpora that load slowly.</param>
    public static Slowdown[] All(string demo, Corpora corpora) =>
        [
            new("slow disk: 300 ms a read", Bound.Reading, ["training.steps=60"])
            {
                Strace = ["--trace-path=" + demo, "-e", "trace=pread64,read", "-e", "inject=pread64,read:delay_enter=300000"],
            },
            new("one decoding thread", Bound.DecodingThreads, [$"data.train=[{corpora.Large()}]", "data.threads=1", "training.steps=40"]),
            new("images of 3000 pixels", Bound.Decoding, [$"data.train=[{corpora.Huge()}]", "data.threads=2", "training.steps=20"]),
            new("captions of 100 kB", Bound.Tokenizing, [$"data.train=[{corpora.LongCaptions()}]", "training.steps=20"]),
            new("a worker stopped half of the time", Bound.Straggler, [.. TwoWorkers, "training.global_batch=512", "training.steps=60"])
            {
                StopsAWorker = true,
            },
            new("slow network: 5 ms a send", Bound.Exchange, [.. TwoWorkers, "training.steps=60"])
            {
                Strace = ["-e", "trace=writev", "-e", "inject=writev:delay_enter=5000"],
            },
            new(
                "a checkpoint after every step",
                Bound.Checkpoints,
                [
                    "checkpoint.every_steps=1",
                    "checkpoint.keep=1",
                    "training.global_batch=64",
                    "model.image.width=512",
                    "model.image.heads=8",
                    "model.text.width=512",
                    "model.text.heads=8",
                    "training.steps=30",
                ]
            ),
            new("batches of two pairs", Bound.SmallBatch, ["training.global_batch=2", "training.steps=400"]),
            new(
                "batches of four pairs, a large model",
                Bound.Optimizer,
                [
                    "training.global_batch=4",
                    "model.image.width=768",
                    "model.image.heads=12",
                    "model.text.width=768",
                    "model.text.heads=12",
                    "training.steps=30",
                ]
            ),
            new(
                "batches of 4096 pairs, a tiny model",
                Bound.Loss,
                [
                    "training.global_batch=4096",
                    "model.embed_dim=1024",
                    "model.image.width=32",
                    "model.image.layers=1",
                    "model.text.width=32",
                    "model.text.layers=1",
                    "training.steps=10",
                ]
            ),
            new(
                "long captions, a large text tower",
                Bound.TextTower,
                [$"data.train=[{corpora.FullCaptions()}]", "model.text.context=77", "model.text.layers=6", "training.steps=20"]
            ),
        ];

    private static string[] TwoWorkers => ["cluster.workers=2"];
}
