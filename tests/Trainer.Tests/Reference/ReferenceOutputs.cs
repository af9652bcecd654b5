using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>Outputs of a model to compare, by names that the peer uses too.</summary>
public static class ReferenceOutputs
{
    public const string ImageFeatures = "image features",
        TextFeatures = "text features",
        Logits = "logits",
        Losses = "losses",
        Gradient = "gradient/",
        Moved = "moved/";

    /// <summary>Unit-length embeddings and their logits, in evaluation mode.</summary>
    public static Dictionary<string, float[]> Features(ClipModel model, TrainingBatch batch)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var images_bD = model.EncodeImage(batch.Images_b3SS);
        var texts_bD = model.EncodeText(batch.Tokens_bL, batch.Ends_b, batch.Ends_b.AsSpan<long>().ToArray().Max());
        var logits_bb = (images_bD * model.LogitScaleFactor(100)).mm(texts_bD.t());
        return new(StringComparer.Ordinal)
        {
            [ImageFeatures] = images_bD.AsSpan<float>().ToArray(),
            [TextFeatures] = texts_bD.AsSpan<float>().ToArray(),
            [Logits] = logits_bb.AsSpan<float>().ToArray(),
        };
    }

    /// <summary>Losses of five steps, gradients of the first, and the change of weights and running statistics over all five.</summary>
    public static Dictionary<string, float[]> Training(TrainingState state, TrainingBatch batch, ReferenceCase reference)
    {
        var outputs = new Dictionary<string, float[]>(StringComparer.Ordinal);
        var (parameters, options) = (state.Model.Parameters, reference.Training);
        var before = Values(parameters, parameters.Master);
        using var step = new TrainingStep(
            state,
            options,
            new RankGroup(),
            new LearningRateSchedule(options.LearningRate, options.WarmupSteps, options.Steps!.Value)
        );
        var losses = new float[ReferenceCase.Steps];
        for (var i = 0; i < ReferenceCase.Steps; i++)
        {
            losses[i] = (float)step.Take(batch, [batch.Count]).Loss;
            if (i > 0)
            {
                continue;
            }

            var gradients = Values(parameters, parameters.Gradients);
            foreach (var spec in parameters.Specs.Where(spec => !spec.IsStatistic))
            {
                outputs.Add(Gradient + spec.Name, gradients[spec.Name]);
            }
        }

        foreach (var (name, after) in Values(parameters, parameters.Master))
        {
            outputs.Add(Moved + name, [.. after.Zip(before[name], (x, y) => x - y)]);
        }

        outputs.Add(Losses, losses);
        return outputs;
    }

    /// <summary>
    /// Zeros the bias of the keys. It shifts all logits of a query alike, which softmax ignores: its gradient is only rounding,
    /// which Adam turns into full-size steps.
    /// </summary>
    public static void DropKeyBias(string name, Span<float> values)
    {
        if (name.EndsWith("k_proj.bias", StringComparison.Ordinal))
        {
            values.Clear();
        }

        if (name.EndsWith("in_proj_bias", StringComparison.Ordinal))
        {
            values.Slice(values.Length / 3, values.Length / 3).Clear();
        }
    }

    private static Dictionary<string, float[]> Values(FlatParameters parameters, torch.Tensor buffer) =>
        parameters.Specs.ToDictionary(
            spec => spec.Name,
            spec => parameters.View(buffer, spec.Name).AsSpan<float>().ToArray(),
            StringComparer.Ordinal
        );
}
