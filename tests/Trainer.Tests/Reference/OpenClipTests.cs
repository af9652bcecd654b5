using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>
/// Features, logits, losses, gradients and five optimizer steps, compared with open_clip's for the same weights and batch, which
/// bench/OpenClip recorded and compares live.
/// </summary>
public class OpenClipTests
{
    private const double FeatureBar = 1e-5,
        StepBar = 1e-4;

    private static readonly Fixture s_fixture = Fixture.Read(Path.Combine(AppContext.BaseDirectory, "Reference", "open_clip.json"));

    public static TheoryData<string> Cases => [.. ReferenceCases.All.Select(reference => reference.Name)];

    /// <summary>Formulas that are close to open_clip's but wrong.</summary>
    public static TheoryData<string, string> Mistakes =>
        new()
        {
            { "vit", "quick gelu" },
            { "vit", "other heads" },
            { "vit", "bidirectional text" },
            { "vit", "weight decay" },
            { "vit", "epsilon" },
            { "vit", "second moment" },
            { "vit", "warm-up" },
            { "vit", "length" },
            { "text, bidirectional", "causal text" },
            { "text, last token", "end of text" },
            { "vit, sine positions", "no positions" },
        };

    [Theory, MemberData(nameof(Cases))]
    public void Results_equal_open_clips(string name)
    {
        var errors = Errors(ReferenceCases.All.Single(reference => reference.Name == name), name);
        Assert.All(errors, error => Assert.True(error.Relative <= BarOf(error.Tensor), $"{error.Tensor}: {error.Relative:E1}"));
    }

    [Theory, MemberData(nameof(Mistakes))]
    public void A_different_formula_is_detected(string name, string mistake)
    {
        var reference = ReferenceCases.All.Single(reference => reference.Name == name);
        var (model, training) = (reference.Model, reference.Training);
        var mistaken = mistake switch
        {
            "quick gelu" => reference with { Model = model with { Activation = Activation.QuickGelu } },
            "other heads" => reference with { Model = model with { Image = model.Image with { Heads = 4 } } },
            "bidirectional text" => reference with
            {
                Model = model with { Text = model.Text with { Attention = TextAttention.Bidirectional } },
            },
            "causal text" => reference with { Model = model with { Text = model.Text with { Attention = TextAttention.Causal } } },
            "end of text" => reference with { Model = model with { Text = model.Text with { Pooling = TextPooling.EndOfText } } },
            "no positions" => reference with { Model = model with { Image = model.Image with { Positions = ImagePositions.None } } },
            "weight decay" => reference with { Training = training with { WeightDecay = 0.19 } },
            "epsilon" => reference with { Training = training with { Epsilon = 1.01e-4 } },
            "second moment" => reference with { Training = training with { Beta2 = 0.981 } },
            "warm-up" => reference with { Training = training with { WarmupSteps = 3 } },
            _ => reference with { Training = training with { Steps = 9 } },
        };
        Assert.Contains(Errors(mistaken, name), error => error.Relative > 2 * BarOf(error.Tensor));
    }

    [Fact]
    public void The_comparison_covers_clamping_the_logit_scale()
    {
        var reference = ReferenceCases.All.Single(reference => reference.Name == "vit, logit scale at its lower bound");
        var gradient = Outputs(reference)["gradient/logit_scale"][0];

        // Adam's first step is about as long as the learning rate, so from there the bound of zero is in reach.
        var (rate, epsilon) = (reference.Training.LearningRate / reference.Training.WarmupSteps, reference.Training.Epsilon);
        Assert.True(rate * gradient / (Math.Abs(gradient) + epsilon) > 2 * reference.LogitScale, $"{gradient}");
    }

    /// <summary>
    /// open_clip excludes from weight decay: <c>p.ndim &lt; 2 or "bn" in n or "ln" in n or "bias" in n or 'logit_scale' in n</c>.
    /// </summary>
    [Theory, MemberData(nameof(Cases))]
    public void Weight_decay_applies_to_the_same_parameters_as_in_open_clip(string name)
    {
        string[] excluded = ["bn", "ln", "bias", ClipModel.LogitScale];
        Assert.All(
            ClipModel.Specs(ReferenceCases.All.Single(reference => reference.Name == name).Model).Where(spec => !spec.IsStatistic),
            spec =>
                Assert.Equal(
                    spec.Shape.Count >= 2 && !excluded.Any(part => spec.Name.Contains(part, StringComparison.Ordinal)),
                    spec.Decays
                )
        );
    }

    private static double BarOf(string tensor) =>
        tensor.StartsWith(ReferenceOutputs.Gradient, StringComparison.Ordinal)
        || tensor.StartsWith(ReferenceOutputs.Moved, StringComparison.Ordinal)
            ? StepBar
            : FeatureBar;

    /// <summary>Relative errors of all tensors of a model compared with a recorded case.</summary>
    private static List<(string Tensor, double Relative)> Errors(ReferenceCase reference, string recorded)
    {
        var (outputs, expected) = (Outputs(reference), s_fixture.Cases[recorded]);
        return [.. expected.Select(pair => (pair.Key, RelativeError(pair.Key, outputs.GetValueOrDefault(pair.Key, []), pair.Value)))];
    }

    private static Dictionary<string, float[]> Outputs(ReferenceCase reference)
    {
        Threads.Set(1);
        using var scope = NewDisposeScope();
        using var state = new TrainingState(
            new RunOptions
            {
                Model = reference.Model,
                Data = new DataOptions { Train = ["unused"] },
                Training = reference.Training,
            }
        );
        SeededInputs.FillWeights(state.Model.Parameters, reference);
        var batch = SeededInputs.Batch(reference);
        return ReferenceOutputs
            .Features(state.Model, batch)
            .Concat(ReferenceOutputs.Training(state, batch, reference))
            .ToDictionary(StringComparer.Ordinal);
    }

    private static double RelativeError(string name, float[] values, Sketch expected)
    {
        ReferenceOutputs.DropKeyBias(name, values);
        var distance = Math.Sqrt(Sketch.Of(name, values).SquaredDistance(expected));
        return distance == 0 ? 0 : distance / expected.Norm;
    }
}
