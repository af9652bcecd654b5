using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;

// CPU seconds of each selection rule; the rules that read images need a corpus of your own.
//   dotnet run -c Release --project bench/Selection              a million captions, 500,000 queries
//   dotnet run -c Release --project bench/Selection FILES…       the rules that read images, over these
var folder = Directory.CreateTempSubdirectory("cliptrain-bench-").FullName;
try
{
    if (args.Length > 0)
    {
        MeasureImages(CorpusManifest.Create(args));
    }
    else
    {
        MeasureCaptions();
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

void MeasureCaptions()
{
    const int captions = 1_000_000,
        queryCount = 500_000,
        vocabulary = 200_000;
    var random = new Random(1);
    // Word frequencies as in language: the r-th most frequent has a share of 1/r (Zipf).
    string Words(int count) =>
        string.Join(' ', Enumerable.Range(0, count).Select(_ => $"w{(int)Math.Pow(vocabulary, random.NextDouble())}"));
    var path = Path.Combine(folder, "captions.parquet");
    using (var writer = new CorpusWriter(path, rowGroupRows: 2000))
    {
        for (var i = 0; i < captions; i++)
        {
            writer.Add([1], Words(12));
        }

        writer.Complete();
    }

    string[] queries = [.. Enumerable.Range(0, queryCount).Select(i => i < vocabulary ? $"w{i}" : Words(2))];
    var manifest = CorpusManifest.Create([path]);
    Measure($"balance {captions} captions over {queryCount} queries", manifest, new SelectionOptions { Queries = queries });
    Measure($"filter {captions} rows by text", manifest, new SelectionOptions { Filter = "text like '%w17%'" });
    Measure($"subset of {captions} rows", manifest, new SelectionOptions { Subset = 0.1 });
}

void MeasureImages(CorpusManifest manifest)
{
    Measure($"exact duplicates among {manifest.SampleCount} images", manifest, new SelectionOptions { Deduplicate = Deduplication.Exact });
    Measure(
        $"perceptual duplicates among {manifest.SampleCount} images",
        manifest,
        new SelectionOptions { Deduplicate = Deduplication.Perceptual }
    );
}

static void Measure(string what, CorpusManifest manifest, SelectionOptions options)
{
    using var process = Process.GetCurrentProcess();
    var before = process.TotalProcessorTime;
    var selected = CorpusSelector.Select(manifest, options);
    process.Refresh();
    Console.WriteLine($"{what}: {(process.TotalProcessorTime - before).TotalSeconds:F1} CPU s; {selected.SampleCount} rows left");
}
