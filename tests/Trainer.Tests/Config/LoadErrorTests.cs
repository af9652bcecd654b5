using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Tests.Config;

public sealed class LoadErrorTests
{
    [Fact]
    public void A_misspelt_key_is_reported_with_its_line_and_the_right_key()
    {
        using var file = new RunFile(RunFile.Valid.Replace("global_batch", "global_bach", StringComparison.Ordinal));

        Assert.Equal("run.yaml:17:3: key 'training.global_bach' is not known; did you mean 'global_batch'?", file.Error());
    }

    [Theory]
    [InlineData("learning_rate: 1", "key 'learning_rate' is not known; 'learning_rate' belongs under 'training'")]
    [InlineData("patch: 8", "key 'patch' is not known; 'patch' belongs under 'model.image'")]
    [InlineData("width: 8", "key 'width' is not known; 'width' belongs under 'model.image' or under 'model.text'")]
    [InlineData("templates: []", "key 'templates' is not known; 'templates' belongs under 'evaluation.zero_shot'")]
    [InlineData("epoch: 3", "key 'epoch' is not known; did you mean 'training.epochs'?")]
    [InlineData("globalBatch: 3", "key 'globalBatch' is not known; 'global_batch' belongs under 'training'")]
    [InlineData(
        "qqqqqqqq: 3",
        "key 'qqqqqqqq' is not known; known here: name, seed, model, data, training, cluster, checkpoint, evaluation, alerts, output"
    )]
    public void A_key_in_the_wrong_section_is_reported_with_its_right_place(string line, string error)
    {
        using var file = new RunFile($"{RunFile.Valid}\n{line}");

        Assert.Equal($"run.yaml:19:1: {error}", file.Error());
    }

    [Fact]
    public void An_indented_top_level_key_is_reported_with_its_right_place()
    {
        using var file = new RunFile($"{RunFile.Valid}\n  seed: 4");

        Assert.Equal("run.yaml:19:3: key 'training.seed' is not known; 'seed' belongs at the top level", file.Error());
    }

    [Theory]
    [InlineData("globalBatch")]
    [InlineData("global-batch")]
    [InlineData("GLOBAL_BATCH")]
    public void Another_spelling_of_a_key_is_recognised(string spelling)
    {
        using var file = new RunFile(RunFile.Valid.Replace("global_batch", spelling, StringComparison.Ordinal));

        Assert.Equal($"run.yaml:17:3: key 'training.{spelling}' is not known; did you mean 'global_batch'?", file.Error());
    }

    [Theory]
    [InlineData("training.steps=abc", "key 'training.steps' expects a whole number, found the text 'abc'")]
    [InlineData("training.steps=1.5", "key 'training.steps' expects a whole number, found 1.5")]
    [InlineData("training.steps=1e3", "key 'training.steps' expects a whole number, found 1e3")]
    [InlineData("training.steps='5'", "key 'training.steps' expects a whole number, found the text '5'")]
    [InlineData("training.steps=[5]", "key 'training.steps' expects a whole number, found a list")]
    [InlineData("training.steps={a: 5}", "key 'training.steps' expects a whole number, found keys and values")]
    [InlineData("training.learning_rate=fast", "key 'training.learning_rate' expects a number, found the text 'fast'")]
    [InlineData("training.learning_rate=true", "key 'training.learning_rate' expects a number, found true")]
    [InlineData("training.learning_rate=.inf", "key 'training.learning_rate' is .inf but must be finite")]
    [InlineData("training.learning_rate=.nan", "key 'training.learning_rate' is .nan but must be finite")]
    [InlineData("training.learning_rate=", "key 'training.learning_rate' needs a value: a number")]
    [InlineData("output.tensorboard=yes", "key 'output.tensorboard' expects true or false, found the text 'yes'")]
    [InlineData("training=5", "key 'training' expects keys and values, found 5")]
    [InlineData("data.train=corpus", "key 'data.train' expects a list, found the text 'corpus'; write [corpus]")]
    [InlineData("data.train={a: b}", "key 'data.train' expects a list, found keys and values")]
    [InlineData("data.train=[[a]]", "key 'data.train.0' expects text, found a list")]
    [InlineData("data.train=[null]", "key 'data.train.0' needs a value: text")]
    [InlineData("name=", "key 'name' needs a value: text")]
    [InlineData("evaluation.retrieval=[a]", "key 'evaluation.retrieval.0' expects keys and values, found the text 'a'")]
    public void A_value_of_the_wrong_type_is_reported_with_the_expected_and_found_types(string set, string error)
    {
        using var file = new RunFile();

        Assert.Equal($"--set {set}: {error}", file.Error(set));
    }

    [Theory]
    [InlineData("training.beta1=2", "key 'training.beta1' is 2 but must be from 0 to 0.999999")]
    [InlineData("training.global_batch=0", "key 'training.global_batch' is 0 but must be from 1 to 16777216")]
    [InlineData("training.global_batch=-99999999999", "key 'training.global_batch' is -99999999999 but must be from 1 to 16777216")]
    [InlineData("training.global_batch=2147483647", "key 'training.global_batch' is 2147483647 but must be from 1 to 16777216")]
    [InlineData("data.threads=100000", "key 'data.threads' is 100000 but must be from 0 to 1024")]
    [InlineData(
        "training.global_batch=2147483648",
        "key 'training.global_batch' is 2147483648, which is too large; it must be at most 2147483647"
    )]
    [InlineData(
        "training.steps=9223372036854775808",
        "key 'training.steps' is 9223372036854775808, which is too large; it must be at most 9223372036854775807"
    )]
    [InlineData(
        "seed=18446744073709551616",
        "key 'seed' is 18446744073709551616, which is too large; it must be at most 18446744073709551615"
    )]
    [InlineData("seed=-1", "key 'seed' is -1 but must be at least 0")]
    [InlineData("cluster.port=65536", "key 'cluster.port' is 65536 but must be from 0 to 65535")]
    [InlineData("model.text.context=1", "key 'model.text.context' is 1 but must be at least 2")]
    [InlineData("training.precision=fp8", "key 'training.precision' is 'fp8' but must be one of fp32, bf16, fp16")]
    [InlineData("model.activation=QuickGelu", "key 'model.activation' is 'QuickGelu' but must be one of gelu, quick_gelu")]
    public void A_value_out_of_range_is_reported_with_the_range(string set, string error)
    {
        using var file = new RunFile();

        Assert.Equal($"--set {set}: {error}", file.Error(set));
    }

    [Theory]
    [InlineData("training.beta1=0.999999")]
    [InlineData("training.beta1=0")]
    [InlineData("cluster.port=65535")]
    [InlineData("seed=18446744073709551615")]
    [InlineData("training.steps=9223372036854775807")]
    public void Bounds_are_inclusive(string set)
    {
        using var file = new RunFile();

        Assert.NotNull(file.Load(set));
    }

    [Fact]
    public void A_duplicate_key_is_reported_with_both_positions()
    {
        using var file = new RunFile($"{RunFile.Valid}\nname: other");

        Assert.Equal("run.yaml:19:1: key 'name' is given twice; it was first given at run.yaml:1:1", file.Error());
    }

    [Fact]
    public void Missing_keys_are_reported_with_their_descriptions()
    {
        using var file = new RunFile("training:\n  steps: 5\nmodel: ViT-B-32");

        Assert.Equal(
            [
                "run.yaml:1:1: key 'data' is missing: The training corpus and data loading.",
                "run.yaml:2:3: key 'training.global_batch' is missing: Pairs per step, over all workers.",
            ],
            file.Errors()
        );
    }

    [Fact]
    public void All_errors_are_reported_in_file_order()
    {
        using var file = new RunFile(
            """
            name: a/b
            model: ViT-B-32
            data:
              train: [x]
              prefetch: 0
            training:
              global_bach: 5
              steps: 5
              epochs: 5
            cluster:
              device: gpu
            evaluation:
              retrieval:
                - name: a.b
                  data: []
                - nam: x
                  data: [y]
            """
        );

        Assert.Equal(
            [
                "run.yaml:1:1: key 'name' is 'a/b' but must be letters, digits, '-', '_' and '.', beginning with a letter or digit, at "
                    + "most 100",
                "run.yaml:5:13: key 'data.prefetch' is 0 but must be from 1 to 1024",
                "run.yaml:7:3: key 'training.global_bach' is not known; did you mean 'global_batch'?",
                "run.yaml:8:3: key 'training.steps' and training.epochs are both given; give one of them",
                "run.yaml:11:3: key 'cluster.device' is 'gpu' but must be cpu or cuda",
                "run.yaml:14:7: key 'evaluation.retrieval.0.name' is 'a.b' but must have no dot",
                "run.yaml:15:7: key 'evaluation.retrieval.0.data' names no files",
                "run.yaml:16:7: key 'evaluation.retrieval.1.nam' is not known; did you mean 'name'?",
            ],
            file.Errors()
        );
    }

    [Fact]
    public void A_section_whose_keys_are_all_commented_out_has_its_defaults()
    {
        using var file = new RunFile($"{RunFile.Valid}\ncluster:\n  # workers: 2\n");

        Assert.Equal(new ClusterOptions(), file.Load().Cluster);
    }
}
