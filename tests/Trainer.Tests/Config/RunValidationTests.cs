namespace ClipTrain.Trainer.Tests.Config;

public sealed class RunValidationTests
{
    private const string NameRule = "but must be letters, digits, '-', '_' and '.', beginning with a letter or digit, at most 100";

    [Theory]
    [InlineData("training.steps=", "key 'training.steps' or training.epochs must be given: the run needs a length")]
    [InlineData("model.image.size=33", "key 'model.image.size' is 33, not a multiple of patch, 8")]
    [InlineData("model.image.width=17", "key 'model.image.width' is 17, not a multiple of heads, 2")]
    [InlineData("model.text.width=17", "key 'model.text.width' is 17, not a multiple of heads, 2")]
    [InlineData("data.crop.max_scale=0.5", "key 'data.crop.max_scale' is 0.5, less than min_scale, 0.9")]
    [InlineData("data.crop.max_ratio=0.5", "key 'data.crop.max_ratio' is 0.5, less than min_ratio, 0.75")]
    [InlineData(
        "data.augmentation.blur={probability: 1, min_sigma: 3}",
        "key 'data.augmentation.blur.max_sigma' is 2, less than min_sigma, 3"
    )]
    [InlineData(
        "data.augmentation.jpeg={probability: 1, max_quality: 20}",
        "key 'data.augmentation.jpeg.max_quality' is 20, less than min_quality, 30"
    )]
    [InlineData(
        "data.augmentation.border={probability: 1, max_width: 0.5}",
        "key 'data.augmentation.border.max_width' is 0.5 but must be from 0 to 0.45"
    )]
    [InlineData(
        "data.augmentation.rotation={degrees: 5}",
        "key 'data.augmentation.rotation.probability' is missing: Probability of rotating an image; 0 for none."
    )]
    [InlineData(
        "data.augmentation.color_jitter={hue: 0.1}",
        "key 'data.augmentation.color_jitter.probability' is missing: Probability of changing an image's colours; 0 for none."
    )]
    [InlineData("data.caption_column=''", "key 'data.caption_column' names no column")]
    [InlineData("data.caption_weights=[1]", "key 'data.caption_weights' is only used with data.caption_mode random")]
    [InlineData(
        "data={train: [a], caption_column: [x, y], caption_mode: random, caption_weights: [1]}",
        "key 'data.caption_weights' has 1 weights for the 2 columns of data.caption_column"
    )]
    [InlineData(
        "data={train: [a], caption_mode: random, caption_weights: [1, 2]}",
        "key 'data.caption_weights' has 2 weights for the 0 columns of data.caption_column"
    )]
    [InlineData(
        "data={train: [a], caption_column: [x, y], caption_mode: random, caption_weights: [1, 0]}",
        "key 'data.caption_weights' must be positive"
    )]
    [InlineData("data.caption_weights=[a]", "key 'data.caption_weights.0' expects a number, found the text 'a'")]
    [InlineData("data.caption_weights=2", "key 'data.caption_weights' expects a list, found 2; write [2]")]
    [InlineData("data.subset=0", "key 'data.subset' is 0 but must be from 0.000001 to 1")]
    [InlineData("data.train=[]", "key 'data.train' or data.mixture must name files to train on")]
    [InlineData(
        "data={train: [x], mixture: [{name: a, files: [y]}]}",
        "key 'data.train' and data.mixture are both given; give one of them"
    )]
    [InlineData("data={mixture: [{name: a, files: []}]}", "key 'data.mixture.0.files' names no files")]
    [InlineData(
        "data={mixture: [{name: a, files: [x]}, {name: a, files: [y]}]}",
        "key 'data.mixture.1.name' is 'a', the name of another corpus"
    )]
    [InlineData("data={mixture: [{name: a/b, files: [x]}]}", "key 'data.mixture.0.name' is 'a/b' " + NameRule)]
    [InlineData(
        "data={mixture: [{name: a, files: [x], weight: 0}]}",
        "key 'data.mixture.0.weight' is 0 but must be from 0.000001 to 1000000"
    )]
    [InlineData(
        "data={sampling: temperature, mixture: [{name: a, files: [x]}]}",
        "key 'data.temperature' must be given with data.sampling: temperature"
    )]
    [InlineData(
        "data={temperature: 2, mixture: [{name: a, files: [x]}]}",
        "key 'data.temperature' is given, but data.sampling is not temperature"
    )]
    [InlineData("data.sampling=fixed", "key 'data.sampling' needs data.mixture")]
    [InlineData(
        "data={caption_column: alt, mixture: [{name: a, files: [x]}]}",
        "key 'data.caption_column' is for data.train; with data.mixture each corpus names its own"
    )]
    [InlineData(
        "data={mixture: [{name: a, files: [x], caption_column: [alt, '']}]}",
        "key 'data.mixture.0.caption_column' names no column"
    )]
    [InlineData(
        "data={caption_mode: random, caption_weights: [1], mixture: [{name: a, files: [x], caption_column: alt}]}",
        "key 'data.caption_weights' is for data.train; with data.mixture a corpus' columns weigh alike"
    )]
    [InlineData("data.merges=''", "key 'data.merges' must be 'openai' or a path")]
    [InlineData("cluster.device=cuda:1", "key 'cluster.device' is 'cuda:1' but must be cpu or cuda")]
    [InlineData("output.directory=''", "key 'output.directory' names no folder")]
    [InlineData("name=a/b", "key 'name' is 'a/b' " + NameRule)]
    [InlineData("name=..", "key 'name' is '..' " + NameRule)]
    [InlineData("name=''", "key 'name' is '' " + NameRule)]
    [InlineData("name=-x", "key 'name' is '-x' " + NameRule)]
    [InlineData("evaluation.retrieval=[{name: a.b, data: [x]}]", "key 'evaluation.retrieval.0.name' is 'a.b' but must have no dot")]
    [InlineData("evaluation.retrieval=[{name: a, data: []}]", "key 'evaluation.retrieval.0.data' names no files")]
    [InlineData(
        "evaluation.retrieval=[{name: a, data: [x]}, {name: a, data: [y]}]",
        "key 'evaluation.retrieval.1.name' is 'a', the name of another split"
    )]
    [InlineData(
        "evaluation={retrieval: [{name: a, data: [x]}], zero_shot: [{name: a, data: [y]}]}",
        "key 'evaluation.zero_shot.0.name' is 'a', the name of another split"
    )]
    [InlineData("evaluation.zero_shot=[{name: a, data: [x], templates: []}]", "key 'evaluation.zero_shot.0.templates' has no template")]
    [InlineData(
        "evaluation.zero_shot=[{name: a, data: [x], templates: ['{}', a photo]}]",
        "key 'evaluation.zero_shot.0.templates' has the template 'a photo' without {}, the place of the class name"
    )]
    [InlineData(
        "evaluation.zero_shot=[{name: a, data: [x], label_column: ''}]",
        "key 'evaluation.zero_shot.0.label_column' names no column"
    )]
    public void A_violated_rule_is_reported(string set, string error)
    {
        using var file = new RunFile();

        Assert.Equal($"--set {set}: {error}", file.Error(set));
    }

    [Theory]
    [InlineData(
        "classification",
        "model.image.classes=null",
        "key 'model.image.classes' is missing: training.objective classification needs the number of classes"
    )]
    [InlineData(
        "classification",
        "data.label_column=null",
        "key 'data.label_column' is missing: training.objective classification needs the column with the class"
    )]
    [InlineData("classification", "data.label_column=''", "key 'data.label_column' names no column")]
    [InlineData("classification", "data.label_names=[a, b]", "key 'data.label_names' has 2 names for the 3 classes of model.image.classes")]
    [InlineData("classification", "data.label_names=[a, b, a]", "key 'data.label_names' has a name twice")]
    [InlineData(
        "classification",
        "data.caption_mode=all",
        "key 'data.caption_mode' is given, but training.objective classification reads no captions"
    )]
    [InlineData(
        "classification",
        "evaluation.zero_shot=[{name: a, data: [x]}]",
        "key 'evaluation.zero_shot' classifies by the names of classes, and training.objective classification learns no texts"
    )]
    [InlineData(
        "bag_of_words",
        "evaluation.retrieval=[{name: a, data: [x]}]",
        "key 'evaluation.retrieval' compares images with texts, and training.objective bag_of_words trains no space that they share"
    )]
    [InlineData(
        "captioning",
        "model.text.attention=bidirectional",
        "key 'model.text.attention' must be causal for training.objective captioning: a token is predicted from those before it"
    )]
    [InlineData(
        "captioning",
        "model.image.pooling=attention",
        "key 'model.image.pooling' is attention, which training.objective captioning does not train: it reads the image's tokens"
    )]
    [InlineData(
        "sigmoid",
        "training.label_smoothing=0.1",
        "key 'training.label_smoothing' is for training.objective classification; this run's is sigmoid"
    )]
    [InlineData(
        "contrastive",
        "model.image.classes=3",
        "key 'model.image.classes' is for training.objective classification; this run's is contrastive"
    )]
    [InlineData(
        "bag_of_words",
        "data.label_column=label",
        "key 'data.label_column' is for training.objective classification; this run's is bag_of_words"
    )]
    [InlineData(
        "captioning",
        "data.label_names=[a]",
        "key 'data.label_names' is for training.objective classification; this run's is captioning"
    )]
    [InlineData(
        "contrastive",
        "evaluation.classification=[{name: a, data: [x]}]",
        "key 'evaluation.classification' is for training.objective classification; this run's is contrastive"
    )]
    [InlineData(
        "two_views",
        "data.caption_mode=random",
        "key 'data.caption_mode' is given, but training.objective two_views reads no captions"
    )]
    [InlineData(
        "two_views",
        "data.long_captions=window",
        "key 'data.long_captions' is given, but training.objective two_views reads no captions"
    )]
    [InlineData(
        "two_views",
        "training.global_batch=1",
        "key 'training.global_batch' is 1, but training.objective two_views tells a sample from the others of its batch"
    )]
    [InlineData(
        "contrastive",
        "training.global_batch=1",
        "key 'training.global_batch' is 1, but training.objective contrastive tells a sample from the others of its batch"
    )]
    [InlineData(
        "two_views",
        "model.image.patch_dropout=0.5",
        "key 'model.image.patch_dropout' is given, but training.objective two_views compares whole views"
    )]
    [InlineData(
        "two_views",
        "training.text_weights=bf16",
        "key 'training.text_weights' is of the text tower, which training.objective two_views does not train"
    )]
    [InlineData(
        "two_views",
        "evaluation.zero_shot=[{name: a, data: [x]}]",
        "key 'evaluation.zero_shot' classifies by the names of classes, and training.objective two_views learns no texts"
    )]
    public void Options_that_an_objective_lacks_or_does_not_use_are_reported(string objective, string set, string error)
    {
        using var file = new RunFile();
        string[] complete = objective == "classification" ? ["model.image.classes=3", "data.label_column=label"] : [];

        Assert.EndsWith(error, file.Error([$"training.objective={objective}", .. complete, set]), StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_and_epochs_together_are_rejected()
    {
        using var file = new RunFile();

        Assert.Equal(
            "run.yaml:18:3: key 'training.steps' and training.epochs are both given; give one of them",
            file.Error("training.epochs=1")
        );
    }

    [Fact]
    public void More_workers_than_pairs_per_step_are_rejected()
    {
        using var file = new RunFile();

        Assert.Equal(
            "run.yaml:17:3: key 'training.global_batch' is 8, fewer than cluster.workers, 9; each worker needs a pair",
            file.Error("cluster.workers=9")
        );
        Assert.Equal(8, file.Load("cluster.workers=8").Cluster.Workers);
    }

    [Theory]
    [InlineData("model.image.stride=9", "key 'model.image.stride' is 9, more than patch, 8: the pixels between patches would be ignored")]
    [InlineData(
        "model.image.stride=5",
        "key 'model.image.stride' is 5: patches of 8 at such distances do not end at the edge of 32 pixels"
    )]
    [InlineData("model.image.patch=null", "key 'model.image.patch' is missing: a vit needs the side of its patches")]
    [InlineData("model.image.layers=null", "key 'model.image.layers' is missing: a vit needs a number of blocks")]
    [InlineData("model.image.blocks=[1, 1, 1, 1]", "key 'model.image.blocks' is for a resnet; a vit has layers")]
    [InlineData("model.image.blocks=3", "key 'model.image.blocks' expects a list, found 3; write [3]")]
    [InlineData("model.image.blocks=[a]", "key 'model.image.blocks.0' expects a whole number, found the text 'a'")]
    public void Impossible_image_towers_are_rejected(string set, string error)
    {
        using var file = new RunFile();

        Assert.EndsWith(error, file.Error(set), StringComparison.Ordinal);
    }

    [Fact]
    public void A_resnet_rejects_the_keys_of_a_vit()
    {
        using var file = new RunFile();

        var errors = string.Join(Environment.NewLine, file.Errors("model.image.architecture=resnet", "model.image.pooling=average"));
        Assert.Contains("key 'model.image.blocks' must have four numbers of at least 1, as [3, 4, 6, 3]", errors, StringComparison.Ordinal);
        foreach (var key in new[] { "patch", "layers", "pooling" })
        {
            Assert.Contains($"key 'model.image.{key}' is for a vit; this is a resnet", errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_rule_about_an_invalid_value_is_skipped()
    {
        using var file = new RunFile();

        Assert.Equal("--set model.image.patch=0: key 'model.image.patch' is 0 but must be at least 1", file.Error("model.image.patch=0"));
    }
}
