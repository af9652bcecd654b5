using System.Globalization;
using ClipTrain.Torch.Tests;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

namespace ClipTrain.Bench.Models;

/// <summary>Growth of the native heap in a recorded forward pass, compared with the prediction of <see cref="ModelCost"/>.</summary>
internal static class KeptActivations
{
    public static void Compare(string[] names, int batch)
    {
        Console.WriteLine("model  type  tower  MB measured  MB predicted  ratio");
        foreach (var name in names)
        {
            foreach (var precision in Enum.GetValues<Precision>())
            {
                Compare(name, RunConfig.LoadModel(name), precision, batch);
            }
        }
    }

    private static void Compare(string name, ModelOptions options, Precision precision, int batch)
    {
        using var model = new ClipModel(options, precision, 0);
        using var scope = NewDisposeScope();
        var images = randn([batch, 3, options.Image.Size, options.Image.Size]);
        var (tokens, ends) = (ones([batch, options.Text.Context], int64), full([batch], options.Text.Context - 1, int64));
        var statistics = new BatchStatistics(model.Parameters);
        var cost = ModelCost.Of(options);
        foreach (
            var (tower, pass) in new (string, Func<TowerPass>)[]
            {
                ("image", () => model.PassImage(images, null, ActivationCheckpointing.None, statistics)),
                ("text", () => model.PassText(tokens, ends, options.Text.Context - 1, ActivationCheckpointing.None)),
            }
        )
        {
            // The library allocates its workspaces at first use.
            var first = pass();
            first.Backward(zeros_like(first.Embedding_bD));
            var before = NativeHeap.AllocatedBytes();
            var kept = pass();
            var measured = (NativeHeap.AllocatedBytes() - before) / 1e6;
            var said = batch * cost.Where(part => part.Tower == tower).Sum(part => part.Activations.Bytes(precision)) / 1e6;
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}  {precision}  {tower}  {measured:0.0}  {said:0.0}  {measured / said:0.000}"
                )
            );
            kept.Backward(zeros_like(kept.Embedding_bD));
        }
    }
}
