using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Options;

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

    /// <summary>
    /// Image tower of ViT-B/32: 49 patches of 3·32² pixels, 12 blocks of 50 tokens, a projection. Decoder: a prefix of 50 positions,
    /// 12 blocks of 50 + 77 positions of width 512, and logits of 77 tokens over 49,408.
    /// </summary>
    [Fact]
    public void An_objective_costs_what_it_computes()
    {
        var model = RunConfig.LoadModel("ViT-B-32");
        const long Image = (49L * 3 * 32 * 32 * 768) + (12 * ((50L * 12 * 768 * 768) + (2L * 50 * 50 * 768)));
        const long Projection = 768 * 512;
        const long Text = (12 * ((77L * 12 * 512 * 512) + (2L * 77 * 77 * 512))) + (512 * 512);
        const long Decoder = (50L * 512 * 512) + (12 * ((127L * 12 * 512 * 512) + (2L * 127 * 127 * 512))) + (77L * 512 * 49408);
        Assert.Equal(Image + Projection + Text, ObjectiveCost.Macs(model, Objective.Contrastive));
        Assert.Equal(Image + Projection + Text, ObjectiveCost.Macs(model, Objective.Sigmoid));
        Assert.Equal(Image + Projection + (512 * 49408), ObjectiveCost.Macs(model, Objective.BagOfWords));
        Assert.Equal(2 * (Image + Projection), ObjectiveCost.Macs(model, Objective.TwoViews));
        Assert.Equal(Image + (50 * Projection) + Decoder, ObjectiveCost.Macs(model, Objective.Captioning));

        var classifier = model with { Image = model.Image with { Classes = 10 } };
        Assert.Equal(Image + Projection + (512 * 10), ObjectiveCost.Macs(classifier, Objective.Classification));
    }

    [Fact]
    public void A_bag_of_words_has_a_head_instead_of_a_text_tower()
    {
        var model = RunConfig.LoadModel("ViT-B-32");
        var image = ModelCost.Of(model).Where(part => part.Tower == "image").Sum(part => part.Parameters);
        Assert.Equal(image + (513 * 49408), ObjectiveCost.Parameters(model, Objective.BagOfWords));
        Assert.Equal(ModelCost.Of(model).Sum(part => part.Parameters), ObjectiveCost.Parameters(model, Objective.Contrastive));
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
