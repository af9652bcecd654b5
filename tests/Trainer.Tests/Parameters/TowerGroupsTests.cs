using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Trainer.Tests.Models;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Parameters;

public class TowerGroupsTests
{
    public static TheoryData<string> Variants => [.. ModelVariants.All.Keys];

    [Theory]
    [MemberData(nameof(Variants))]
    public void A_group_contains_the_parameters_of_the_segment_with_its_index(string variant)
    {
        var options = ModelVariants.All[variant];
        using var scope = NewDisposeScope();
        using var model = new ClipModel(options, Precision.Fp32, 3);
        using var text = new TextTower(model.Parameters, options.Text, options.Activation);
        var batch = TinyClip.Batch(0, 3, tower: options.Image);
        var image = ImageTower.Create(model.Parameters, options.Image, options.Activation);
        AssertGroups(model, Tower.Image, [.. image.Segments(null, new BatchStatistics(model.Parameters))], batch.Images_b3SS);
        AssertGroups(model, Tower.Text, [.. text.Segments(batch.Ends_b, batch.LongestEnd())], batch.Tokens_bL);
        Assert.Null(TowerGroups.Of(options, ClipModel.LogitScale));
    }

    private static void AssertGroups(ClipModel model, Tower tower, Segment[] segments, torch.Tensor input)
    {
        Assert.Equal(TowerGroups.Count(model.Options, tower), segments.Length);
        foreach (var (group, segment) in segments.Index())
        {
            var output = segment.Run(input);
            ClipTrain.Torch.Operators.Gradients.Run(output, ones_like(output));
            string[] used =
            [
                .. model
                    .Parameters.Specs.Where(spec => !spec.IsStatistic && model.Parameters[spec.Name].grad is not null)
                    .Select(spec => spec.Name)
                    .Order(StringComparer.Ordinal),
            ];
            string[] grouped =
            [
                .. model
                    .Parameters.Specs.Where(spec => !spec.IsStatistic && TowerGroups.Of(model.Options, spec.Name) == (tower, group))
                    .Select(spec => spec.Name)
                    .Order(StringComparer.Ordinal),
            ];
            Assert.Equal(grouped, used);
            model.Parameters.Collect();
            input = output.detach();
        }
    }
}
