using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Models.Cost;

namespace ClipTrain.Trainer.Tests.Models;

public sealed class ModelCostTests
{
    public static TheoryData<string> Variants => [.. ModelVariants.All.Keys];

    /// <summary>Forward GMACs as published for the models of OpenAI and LAION (scaling-laws-openclip, arch_info.csv).</summary>
    [Theory]
    [InlineData("RN50", 9.12)]
    [InlineData("RN101", 12.79)]
    [InlineData("RN50x4", 25.99)]
    [InlineData("RN50x16", 81.55)]
    [InlineData("RN50x64", 276.3)]
    [InlineData("ViT-B-32", 7.40)]
    [InlineData("ViT-B-16", 20.57)]
    [InlineData("ViT-L-14", 87.73)]
    [InlineData("ViT-L-14-336", 197.76)]
    [InlineData("ViT-H-14", 190.97)]
    [InlineData("ViT-g-14", 290.74)]
    public void Macs_are_within_one_percent_of_the_published_ones(string name, double expected) =>
        Assert.InRange(ModelCost.Of(RunConfig.LoadModel(name)).Sum(part => part.Macs) / 1e9, expected * 0.99, expected * 1.01);

    [Theory, MemberData(nameof(Variants))]
    public void The_parts_account_for_all_parameters(string variant)
    {
        var parts = ModelCost.Of(ModelVariants.All[variant]);
        Assert.Equal(
            ClipModel.Specs(ModelVariants.All[variant]).Where(spec => !spec.IsStatistic).Sum(spec => spec.Count),
            parts.Sum(part => part.Parameters)
        );
    }

    [Theory]
    [InlineData(224, 32, 50)]
    [InlineData(224, 16, 197)]
    [InlineData(224, 8, 785)]
    [InlineData(448, 32, 197)]
    public void Patch_and_image_size_change_the_number_of_tokens(int size, int patch, int tokens)
    {
        var model = ModelResolution.Of(RunConfig.LoadModel("ViT-B-32"), size, patch);
        Assert.Equal(tokens, ModelCost.Of(model).First(part => part.Name == "blocks").Tokens);
    }

    [Theory]
    [InlineData("ViT-B-32", 224, 15, "'image.size' is 224, not a multiple of patch, 15")]
    [InlineData("RN50", 230, null, "'image.size' is 230, not a multiple of 32")]
    [InlineData("RN50", null, 16, "'image.patch' is for a vit")]
    [InlineData("ViT-B-32", 0, null, "--image-size: is 0 but must be at least 1")]
    public void A_resolution_that_does_not_fit_is_reported(string name, int? size, int? patch, string error) =>
        Assert.Contains(
            error,
            Assert.Throws<ConfigException>(() => ModelResolution.Of(RunConfig.LoadModel(name), size, patch)).Message,
            StringComparison.Ordinal
        );
}
