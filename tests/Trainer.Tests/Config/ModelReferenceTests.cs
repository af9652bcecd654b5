using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Tests.Config;

public sealed class ModelReferenceTests
{
    private const string Tiny = """
        embed_dim: 7
        image: {size: 8, patch: 4, width: 8, layers: 1, heads: 2}
        text: {width: 8, layers: 1, heads: 2}
        """;

    private static readonly string s_named =
        RunFile.Valid[..RunFile.Valid.IndexOf("model:", StringComparison.Ordinal)]
        + "model: NAME\n"
        + RunFile.Valid[RunFile.Valid.IndexOf("data:", StringComparison.Ordinal)..];

    [Fact]
    public void A_shipped_model_is_found_by_name()
    {
        using var file = Named("ViT-B-32");

        Assert.Equal(RunConfig.LoadModel("ViT-B-32"), file.Load().Model);
    }

    [Theory]
    [InlineData("models/mine.yaml", "mine")]
    [InlineData("mine.yaml", "mine.yaml")]
    [InlineData("sub/mine.yml", "sub/mine.yml")]
    public void A_custom_model_is_found_next_to_the_run_file(string path, string reference)
    {
        using var file = Named(reference);
        file.Write(path, Tiny);

        Assert.Equal(7, file.Load().Model.EmbedDim);
    }

    [Fact]
    public void A_models_folder_next_to_the_run_files_folder_is_searched()
    {
        using var folder = new RunFile();
        folder.Write("models/mine.yaml", Tiny);
        var run = folder.Write("runs/a.yaml", s_named.Replace("NAME", "mine", StringComparison.Ordinal));

        Assert.Equal(7, RunConfig.Load(run, []).Options.Model.EmbedDim);
    }

    [Fact]
    public void A_custom_model_takes_precedence_over_a_shipped_one_of_the_same_name()
    {
        using var file = Named("ViT-B-32");
        file.Write("models/ViT-B-32.yaml", Tiny);

        Assert.Equal(7, file.Load().Model.EmbedDim);
    }

    [Fact]
    public void The_files_that_were_read_are_listed()
    {
        using var file = Named("mine");
        var model = file.Write("models/mine.yaml", Tiny);

        Assert.Equal([file.Path, model], RunConfig.Load(file.Path, []).Files);
    }

    [Theory]
    [InlineData("ViT-B/32", "there is no model 'ViT-B/32'; did you mean 'ViT-B-32'?")]
    [InlineData("vit-b-32", "there is no model 'vit-b-32'; did you mean 'ViT-B-32'?")]
    [InlineData("nowhere.yaml", "there is no model file 'nowhere.yaml'")]
    public void A_missing_model_is_reported_with_its_line(string reference, string error)
    {
        using var file = Named(reference);

        Assert.Equal($"run.yaml:2:8: {error}", file.Error());
    }

    [Fact]
    public void An_unrecognisable_model_name_is_answered_with_all_names()
    {
        using var file = Named("resnet");

        Assert.StartsWith(
            "run.yaml:2:8: there is no model 'resnet'; there are RN-Ti-64, RN101, RN101-quickgelu, RN50,",
            file.Error(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void An_error_in_a_model_file_names_that_file()
    {
        using var file = Named("mine");
        file.Write("models/mine.yaml", Tiny.Replace("patch: 4", "pach: 4", StringComparison.Ordinal));

        Assert.Equal("models/mine.yaml:2:18: key 'model.image.pach' is not known; did you mean 'patch'?", file.Error());
    }

    [Fact]
    public void A_set_argument_changes_one_key_of_a_named_model()
    {
        using var file = Named("ViT-B-32");

        var model = file.Load("model.text.context=32").Model;

        Assert.Equal(RunConfig.LoadModel("ViT-B-32") with { Text = RunConfig.LoadModel("ViT-B-32").Text with { Context = 32 } }, model);
    }

    [Fact]
    public void A_set_argument_changes_the_model_and_a_later_one_a_key_of_it()
    {
        using var file = new RunFile();

        var model = file.Load("model=ViT-L-14", "model.text.layers=3").Model;

        Assert.Equal((1024, 3), (model.Image.Width, model.Text.Layers));
    }

    [Fact]
    public void Loading_only_a_model_reports_its_errors()
    {
        using var file = new RunFile();
        var path = file.Write("m.yaml", Tiny.Replace("heads: 2}\ntext", "heads: 3}\ntext", StringComparison.Ordinal));

        var exception = Assert.Throws<ConfigException>(() => RunConfig.LoadModel(path));

        Assert.Equal($"{path}:2:28: key 'image.width' is 8, not a multiple of heads, 3", exception.Message);
    }

    private static RunFile Named(string reference) => new(s_named.Replace("NAME", reference, StringComparison.Ordinal));
}
