using System.CommandLine;
using ClipTrain.Bench.Alerts;

// Trains ten runs that are broken on purpose and five healthy ones, and prints the first alert of each within 200 steps.
var corpus = new Option<string>("--corpus")
{
    DefaultValueFactory = _ => "corpora/demo",
    Description = "Folder of the demo corpus (cliptrain data demo).",
};
var root = new RootCommand("Measure which broken runs the alerts notice.") { corpus };
root.SetAction(parsed =>
{
    var folder = Directory.CreateTempSubdirectory("cliptrain-alerts-").FullName;
    try
    {
        var demo = parsed.GetRequiredValue(corpus);
        var corpora = new Corpora(Path.Combine(demo, "train.parquet"), folder);
        var trials = new Trials(demo, folder);
        (string Name, string[] Sets, bool IsBroken)[] runs =
        [
            ("rate 0.3, no clipping", ["training.learning_rate=0.3", "training.gradient_clip=0"], true),
            ("rate 0.1, clipped", ["training.learning_rate=0.1"], true),
            ("rate 1 in fp16, no warm-up", ["training.learning_rate=1", "training.precision=fp16", "training.warmup_steps=0"], true),
            ("captions of other images", [$"data.train=[{corpora.Shuffled()}]"], true),
            ("one caption for all", [$"data.train=[{corpora.OneCaption()}]"], true),
            ("one image for all", [$"data.train=[{corpora.OneImage()}]"], true),
            ("every fifth image damaged", [$"data.train=[{corpora.Damaged()}]", "data.max_bad_share=0.5"], true),
            ("captions longer than the context", ["model.text.context=4"], true),
            ("logit scale bounded at 15", ["training.max_logit_scale=15"], true),
            (Trials.Frozen, [], true),
            ("healthy, seed 1", [], false),
            ("healthy, seed 2", ["seed=2"], false),
            ("healthy, bf16", ["training.precision=bf16"], false),
            (
                "healthy, colours changed",
                ["data.augmentation.color_jitter.probability=0.8", "data.augmentation.color_jitter.hue=0.1"],
                false
            ),
            ("healthy, half the rate and batch", ["training.learning_rate=0.0005", "training.global_batch=64"], false),
        ];
        var right = 0;
        foreach (var (name, sets, isBroken) in runs)
        {
            var noticed = trials.FirstAlert(name, sets);
            right += (noticed is not null) == isBroken ? 1 : 0;
            Console.WriteLine($"{Cell.Left(name, 36)} {(isBroken ? "broken " : "healthy")} {noticed ?? "no alert"}");
        }

        Console.WriteLine($"{right} of {runs.Length} as they should be");
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
});
return root.Parse(args).Invoke();
