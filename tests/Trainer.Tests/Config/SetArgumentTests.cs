namespace ClipTrain.Trainer.Tests.Config;

public sealed class SetArgumentTests
{
    [Fact]
    public void A_set_argument_replaces_a_key_of_the_file()
    {
        using var file = new RunFile();

        Assert.Equal(99, file.Load("training.steps=99").Training.Steps);
    }

    [Fact]
    public void A_set_argument_adds_a_key_in_a_section_that_the_file_lacks()
    {
        using var file = new RunFile();

        Assert.Equal(3, file.Load("cluster.workers=3").Cluster.Workers);
    }

    [Fact]
    public void The_last_of_several_arguments_for_a_key_wins()
    {
        using var file = new RunFile();

        Assert.Equal(2, file.Load("training.steps=1", "training.steps=2").Training.Steps);
    }

    [Fact]
    public void An_empty_value_resets_an_optional_key()
    {
        using var file = new RunFile();

        var training = file.Load("training.steps=", "training.epochs=2.5").Training;

        Assert.Null(training.Steps);
        Assert.Equal(2.5, training.Epochs);
    }

    [Theory]
    [InlineData("data.caption_column=alt", "alt")]
    [InlineData("data.caption_column='12'", "12")]
    [InlineData("data.caption_column=[recap, alt]", "recap", "alt")]
    public void One_or_several_caption_columns_can_be_given(string set, params string[] columns)
    {
        using var file = new RunFile();

        Assert.Equal(columns, file.Load(set).Data.CaptionColumn);
        Assert.Null(file.Load("data.caption_column=").Data.CaptionColumn);
    }

    [Theory]
    [InlineData("data.train=[a, 'b,c', \"d\"]", "a", "b,c", "d")]
    [InlineData("data.train.0=x", "x")]
    [InlineData("data.train.1=x", "corpus", "x")]
    public void Lists_can_be_set_as_a_whole_or_by_index(string set, params string[] train)
    {
        using var file = new RunFile();

        Assert.Equal(train, file.Load(set).Data.Train);
    }

    [Fact]
    public void Items_in_lists_of_sections_can_be_built_by_index()
    {
        using var file = new RunFile();

        var split = Assert.Single(
            file.Load("evaluation.retrieval.0.name=heldout", "evaluation.retrieval.0.data=[a/b.parquet]").Evaluation.Retrieval
        );

        Assert.Equal("heldout", split.Name);
        Assert.Equal(["a/b.parquet"], split.Data);
    }

    [Theory]
    [InlineData("data.merges=a=b", "a=b")]
    [InlineData("data.merges='a: b'", "a: b")]
    [InlineData("data.merges=12", "12")]
    [InlineData("data.merges=a # comment", "a")]
    public void Values_are_parsed_as_YAML(string set, string merges)
    {
        using var file = new RunFile();

        Assert.Equal(merges, file.Load(set).Data.Merges);
    }

    [Theory]
    [InlineData("training", "expects KEY=VALUE, as in training.steps=1000")]
    [InlineData("=5", "expects KEY=VALUE, as in training.steps=1000")]
    [InlineData("training..steps=5", "expects KEY=VALUE, as in training.steps=1000")]
    [InlineData("training.steps.x=5", "'training.steps' is a value and has no key 'x'")]
    [InlineData("data.train.2=x", "'data.train' is a list of 1; '2' must be an index from 0 to 1, the last of which adds an item")]
    [InlineData("data.train.first=x", "'data.train' is a list of 1; 'first' must be an index from 0 to 1, the last of which adds an item")]
    [InlineData("training.step=5", "key 'training.step' is not known; did you mean 'steps'?")]
    [InlineData("trainin.steps=5", "key 'trainin' is not known; did you mean 'training'?")]
    [InlineData("steps=5", "key 'steps' is not known; 'steps' belongs under 'training'")]
    public void An_error_names_its_argument(string set, string error)
    {
        using var file = new RunFile();

        Assert.Equal($"--set {set}: {error}", file.Error(set));
    }

    [Fact]
    public void An_invalid_YAML_value_is_reported_at_its_argument()
    {
        using var file = new RunFile();

        Assert.StartsWith("--set data.train=[a: this is not YAML: ", file.Error("data.train=[a"), StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_of_several_arguments_are_reported_together()
    {
        using var file = new RunFile();

        Assert.Equal(2, file.Errors("trainin.steps=5", "training.beta1=7").Count);
    }
}
