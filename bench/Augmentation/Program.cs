using System.Diagnostics;
using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

// CPU time that each augmentation adds to a training view, beside that of decoding and cropping alone:
//   dotnet run -c Release --project bench/Augmentation -- CORPUS [SIZE …]
const int Images = 500,
    Rounds = 5;
var manifest = CorpusManifest.Create([args[0]], captionRequired: false);
using var reader = new CorpusReader(manifest);
var images = reader.ReadRows(0, (int)Math.Min(Images, manifest.SampleCount)).Select(row => row.Image.ToArray()).ToArray();
using var process = Process.GetCurrentProcess();
foreach (var size in args.Length > 1 ? args[1..].Select(text => int.Parse(text, CultureInfo.InvariantCulture)) : [64, 224])
{
    var plain = new ImageTransformOptions(size) { Type = ImageType.Bf16 };
    var kinds = new (string Name, ImageTransformOptions Options)[]
    {
        ("none", plain),
        ("flip", plain with { FlipProbability = 1 }),
        ("rotation, border", plain with { Rotation = new RandomStrength(1, -12, 12), Border = new RandomStrength(1, 0, 0.15) }),
        ("colour jitter", plain with { Jitter = new ColourJitter(1, 0.4, 0.4, 0.4, 0.1) }),
        ("greyscale", plain with { GreyscaleProbability = 1 }),
        ("blur", plain with { Blur = new RandomStrength(1, 0.1, 2) }),
        ("jpeg", plain with { Compression = new RandomStrength(1, 30, 95) }),
    };
    var times = kinds.Select(_ => new List<double>()).ToList();
    // The first round only compiles.
    for (var round = 0; round <= Rounds; round++)
    {
        foreach (var (kind, (_, options)) in kinds.Index())
        {
            var time = Measure(options, (ulong)round);
            if (round > 0)
            {
                times[kind].Add(time);
            }
        }
    }

    var medians = times.ConvertAll(rounds => rounds.Order().ElementAt(Rounds / 2));
    foreach (var (kind, (name, _)) in kinds.Index())
    {
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{size} px, {name}: {medians[kind] * 1e6:0} µs of CPU a view, {medians[kind] / medians[0]:0.00} of none"
            )
        );
    }
}

double Measure(ImageTransformOptions options, ulong round)
{
    using var transform = new ClipImageTransform(options);
    var chw = new byte[((IImageTransform)transform).OutputBytes];
    process.Refresh();
    var before = process.TotalProcessorTime;
    for (var i = 0; i < images.Length; i++)
    {
        var random = new CounterRandom(0, round, (ulong)i);
        transform.Train(images[i], ref random);
        transform.Write(chw);
    }

    process.Refresh();
    return (process.TotalProcessorTime - before).TotalSeconds / images.Length;
}
