using System.CommandLine;
using ClipTrain.Bench.Overlap;
using ClipTrain.Cli.Evaluation;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Overlap;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Interop;

// Plants altered copies of half of the test images in a corpus, and searches for them by perceptual hash and by models:
//   dotnet run -c Release --project bench/Overlap -- RUN [RUN …] [--images 1400]
var models = new Argument<string[]>("MODEL") { Description = "Models to search with, in any form that overlaps.model accepts." };
var data = new Option<string>("--data")
{
    DefaultValueFactory = _ => "corpora/demo/heldout-vendor.parquet",
    Description = "The test images. The models must not have been trained on them.",
};
var corpus = new Option<string>("--corpus")
{
    DefaultValueFactory = _ => "corpora/demo/train.parquet",
    Description = "The corpus in which their copies are planted.",
};
var images = new Option<int>("--images") { DefaultValueFactory = _ => 1400, Description = "Number of test images, at most." };
var seed = new Option<int>("--seed") { Description = "Seed of the copies." };
var root = new RootCommand("Search for planted near-duplicates.") { models, data, corpus, images, seed };
root.SetAction(parsed =>
{
    var folder = Directory.CreateTempSubdirectory("cliptrain-overlap-").FullName;
    try
    {
        Threads.Set(Environment.ProcessorCount);
        var random = new Random(parsed.GetValue(seed));
        var set = new SetOptions { Name = "test", Data = [Path.Combine(folder, "test.parquet")] };
        var copies = Path.Combine(folder, "copies.parquet");
        var (tested, planted) = Plant(parsed, set.Data[0], copies, random);
        var manifest = CorpusManifest.Create([parsed.GetRequiredValue(corpus), copies], captionRequired: false);
        var bySample = Enumerable
            .Range(0, (int)manifest.SampleCount)
            .Where(sample => Path.GetFullPath(manifest.Locate(sample).File) == copies)
            .Zip(planted)
            .ToDictionary(copy => (long)copy.First, copy => copy.Second);
        Console.WriteLine($"{tested} test images, {planted.Count} copies among {manifest.SampleCount} images");
        foreach (var path in parsed.GetRequiredValue(models))
        {
            using var opened = ModelFolder.Open(path);
            using var model = new EvaluatedClip(opened, path);
            var test = SetEmbedding.Embed(model, set.Name, ImageSets.Open(set, set.Data, new DefaultColumns()), 256, new Silent());
            if (path == parsed.GetRequiredValue(models)[0])
            {
                var hashes = CorpusHashes.Of(manifest, (_, _) => { });
                Print(
                    "perceptual hash, bits",
                    hashes.Nearest([.. test.Images.Select(image => image.Hash)]),
                    [2, 4, 6, 8, 10, 12, 16],
                    bits => bits
                );
            }

            Print(
                $"{path}, cosine",
                CosineSearch.Nearest(test.Embeddings, new CorpusEmbeddings(model, manifest, cache: null, 256).Blocks((_, _) => { })),
                [0.98, 0.95, 0.93, 0.9, 0.87, 0.85, 0.8, 0.75, 0.7, 0.6],
                cosine => 1 - cosine
            );

            void Print(string title, IReadOnlyList<NearestImage> nearest, double[] thresholds, Func<double, double> distance)
            {
                Console.WriteLine();
                Console.WriteLine(title);
                Console.WriteLine(
                    $"{Cell.Right("", 10)} {Cell.Right("precision", 10)} {Cell.Right("recall", 10)} "
                        + string.Join(' ', PlantedCopies.Kinds.Select(kind => Cell.Right(kind, 10)))
                );
                foreach (var threshold in thresholds)
                {
                    var score = Score.Of(nearest, bySample, distance(threshold));
                    Console.WriteLine(
                        $"{Cell.Right(threshold, 10)} {Cell.Right(score.Precision, 10, "0.0%")} {Cell.Right(score.Recall, 10, "0.0%")} "
                            + string.Join(' ', score.ByKind.Select(recall => Cell.Right(recall, 10, "0.0%")))
                    );
                }
            }
        }

        return 0;
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
});
return root.Parse(args).Invoke();

// Spreads the test images over the data, and copies every second one. Returns their number, and the image and kind of each copy.
(int Tested, List<(int Image, string Kind)> Planted) Plant(ParseResult parsed, string test, string copies, Random random)
{
    var source = new SetOptions { Name = "data", Data = [parsed.GetRequiredValue(data)] };
    var rows = ImageSets.Open(source, source.Data, new DefaultColumns()).Rows().ToList();
    var count = Math.Min(parsed.GetValue(images), rows.Count);
    var planted = new List<(int, string)>();
    using var tests = new CorpusWriter(test);
    using var copied = new CorpusWriter(copies);
    for (var i = 0; i < count; i++)
    {
        var image = rows[(int)((long)i * rows.Count / count)].Image;
        tests.Add(image, caption: null);
        if (i % 2 == 0)
        {
            var kind = PlantedCopies.Kinds[planted.Count % PlantedCopies.Kinds.Count];
            copied.Add(PlantedCopies.Copy(image, kind, random), caption: null);
            planted.Add((i, kind));
        }
    }

    tests.Complete();
    copied.Complete();
    return (count, planted);
}
