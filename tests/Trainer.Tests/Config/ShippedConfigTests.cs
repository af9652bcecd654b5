using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Tests.Config;

public sealed class ShippedConfigTests
{
    public static TheoryData<string> Models => [.. Names(Path.Combine(Repository.Configs, "models"))];

    public static TheoryData<string> Runs => [.. Names(Repository.Configs)];

    [Theory, MemberData(nameof(Models))]
    public void A_shipped_model_loads_by_its_name(string name)
    {
        var model = RunConfig.LoadModel(name);

        var width = model.Image.Architecture == ImageArchitecture.Resnet ? model.Image.Width * 32 : model.Image.Width;
        Assert.Equal(
            name switch
            {
                "ViT-H-14" => 80,
                "ViT-g-14" => 88,
                _ => 64,
            },
            width / model.Image.Heads
        );
        Assert.Equal(64, model.Text.Width / model.Text.Heads);
        Assert.Equal(name.EndsWith("-quickgelu", StringComparison.Ordinal), model.Activation == Activation.QuickGelu);
    }

    [Theory, MemberData(nameof(Runs))]
    public void A_shipped_run_file_loads_without_errors(string name)
    {
        var run = RunConfig.Load(Path.Combine(Repository.Configs, name + ".yaml"), []);

        Assert.NotNull(run.Options.Model);
    }

    [Theory]
    [InlineData("ViT-B-32", 512, 224, 32, 768, 12, 512)]
    [InlineData("ViT-B-16", 512, 224, 16, 768, 12, 512)]
    [InlineData("ViT-L-14", 768, 224, 14, 1024, 24, 768)]
    [InlineData("ViT-L-14-336", 768, 336, 14, 1024, 24, 768)]
    public void The_CLIP_papers_models_have_its_shapes(
        string name,
        int embedding,
        int size,
        int patch,
        int width,
        int layers,
        int textWidth
    )
    {
        var model = RunConfig.LoadModel(name);

        Assert.Equal(
            (embedding, size, patch, width, layers, textWidth),
            (model.EmbedDim, model.Image.Size, model.Image.Patch!.Value, model.Image.Width, model.Image.Layers!.Value, model.Text.Width)
        );
        Assert.Equal((12, 77, 49408), (model.Text.Layers, model.Text.Context, model.Text.Vocabulary));
    }

    private static IEnumerable<string> Names(string folder) =>
        Directory.EnumerateFiles(folder, "*.yaml").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal);
}
