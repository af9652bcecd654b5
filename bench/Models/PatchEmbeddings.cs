using System.Globalization;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using static TorchSharp.torch;

namespace ClipTrain.Bench.Models;

/// <summary>Forward and backward of the patch embedding in both forms, measured in turn.</summary>
internal static class PatchEmbeddings
{
    private const int Batch = 16;

    public static void Compare(int rounds)
    {
        Threads.Set(1);
        Console.WriteLine("patch  stride  type  linear over convolution");
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (var (patch, stride) in new[] { (32, 32), (16, 16), (14, 14), (8, 8), (16, 8) })
            {
                var image = new ImageTowerOptions
                {
                    Size = 224,
                    Patch = patch,
                    Stride = stride,
                    Width = 768,
                    Layers = 1,
                    Heads = 12,
                };
                var forms = new[] { PatchEmbedding.Linear, PatchEmbedding.Convolution }
                    .Select(form => Work(image with { PatchEmbedding = form }, precision))
                    .ToArray();
                var ratios = Enumerable.Range(0, rounds).Select(_ => Seconds(forms[0]) / Seconds(forms[1])).Order().ToArray();
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Cell.Right(patch, 5)}  {Cell.Right(stride, 6)}  {Cell.Right(precision, 4)}  "
                            + $"{ratios[rounds / 2]:0.00}  ({ratios[0]:0.00} to {ratios[^1]:0.00})"
                    )
                );
            }
        }
    }

    private static Action Work(ImageTowerOptions image, Precision precision)
    {
        var parameters = new FlatParameters([.. VisionTransformer.Parameters(image, 512)], precision, 0);
        var stem = new VisionTransformer(parameters, image, Activation.Gelu).Segments().First();
        var images = randn([Batch, 3, image.Size, image.Size]);
        var reducer = parameters.NewReducer(new RankGroup());
        void Run()
        {
            using var scope = NewDisposeScope();
            var tokens = stem.Run(images);
            autograd.backward([tokens], [ones_like(tokens)]);
            reducer.Begin(accumulate: false);
            reducer.Finish();
        }

        Run();
        return Run;
    }

    private static double Seconds(Action work)
    {
        var before = Environment.CpuUsage.TotalTime;
        work();
        return (Environment.CpuUsage.TotalTime - before).TotalSeconds;
    }
}
