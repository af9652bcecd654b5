using System.CommandLine;
using System.Globalization;
using ClipTrain.Bench.Beside;

// Trains a small run with one thread alone, beside evaluations of its checkpoints and beside a loop, in turns, and prints the ratios
// of their throughput. Needs a second core that is idle. The loop shows what any work on that core costs: virtual cores are often two
// threads of one core.
var corpus = new Option<string>("--corpus")
{
    DefaultValueFactory = _ => "corpora/demo",
    Description = "Folder of the demo corpus (cliptrain data demo).",
};
var program = new Option<string>("--program")
{
    DefaultValueFactory = _ => "src/Cli/bin/Release/net10.0/cliptrain.dll",
    Description = "The program that trains.",
};
var turns = new Option<int>("--turns") { DefaultValueFactory = _ => 3, Description = "Runs of each kind." };
var root = new RootCommand("Measure the throughput of training beside evaluations of its checkpoints.") { corpus, program, turns };
root.SetAction(parsed =>
{
    var folder = Directory.CreateTempSubdirectory("cliptrain-beside-").FullName;
    try
    {
        var run = new TimedRun(parsed.GetRequiredValue(program), Path.GetFullPath(parsed.GetRequiredValue(corpus)), folder);
        List<double> alone = [],
            beside = [],
            loop = [];
        for (var turn = 1; turn <= parsed.GetRequiredValue(turns); turn++)
        {
            alone.Add(run.Train($"alone-{turn}", Neighbour.None).ImagesPerSecond);
            var evaluated = run.Train($"evaluated-{turn}", Neighbour.Evaluations);
            beside.Add(evaluated.ImagesPerSecond);
            loop.Add(run.Train($"loop-{turn}", Neighbour.Loop).ImagesPerSecond);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"turn {turn}: {alone[^1]:f1} images/s alone, {beside[^1]:f1} with evaluations {evaluated.EvaluationShare:p0} of the "
                ) + string.Create(CultureInfo.InvariantCulture, $"time, {loop[^1]:f1} with a loop all the time")
            );
        }

        var (evaluations, anyWork) = (Median(beside) / Median(alone), Median(loop) / Median(alone));
        Console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"ratio of the medians: evaluations {evaluations:f3}, loop {anyWork:f3}")
        );
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
});
return root.Parse(args).Invoke();

static double Median(List<double> values)
{
    values.Sort();
    return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
}
