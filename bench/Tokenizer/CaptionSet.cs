using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Bench.Tokenizer;

/// <summary>Captions made from word lists, the same on every machine.</summary>
internal sealed record CaptionSet(string Name, string[] Captions)
{
    private const string English =
        "a the of in on with and at by for from to is near over under beside behind young old small large red green blue white black "
        + "brown golden bright dark "
        + "photo picture painting drawing view portrait close-up scene street beach mountain river lake forest garden kitchen table "
        + "window house building church bridge "
        + "dog cat horse bird cow sheep man woman child girl boy people group family player team car bus train truck bicycle motorcycle "
        + "airplane boat ship "
        + "standing sitting walking running riding holding eating playing looking flying sleeping wearing hat shirt dress jacket "
        + "umbrella camera phone laptop book "
        + "pizza cake fruit apple banana coffee bottle glass plate sunset sunrise winter summer autumn spring snow rain sky clouds sea "
        + "water grass flowers tree trees "
        + "2019 1080p 3 12 it's dog's don't we're stock vector illustration background wallpaper design vintage modern wooden beautiful "
        + "traditional";

    private const string European =
        "une photo d'un chat été forêt garçon façade château à côté près über grün schön Straße Mädchen Fuß Größe niño señor mañana "
        + "montaña corazón árbol "
        + "praia coração mão avião żółty łódź dziewczynka książka źródło český řeka město kůň škola İstanbul güneş çiçek köprü ağaç ένα "
        + "σκυλί θάλασσα ήλιος ΠΟΛΗ "
        + "кошка собака на берегу моря красивый закат Москва зима дерево";

    private const string Asian =
        "一只猫的照片 在桌子上 红色的汽车 美丽的日落 海滩 山 森林 日本語の キャプション 犬が走る 海辺の夕日 東京 桜 サクラ 고양이 사진 바다 아름다운 산 학교 ช้าง ทะเล ภูเขา";

    private const string Emoji =
        "😀 🚀 🐱 🌳 👍🏽 ❤️ 👩‍👩‍👧‍👦 🇩🇪 ☃️ 🎉🎉 cat love happy day summer party best friend nyc #travel #food @me";

    private const string Web =
        "the new &amp; old “best” photo’s ﬁne caf&eacute; cafe\u0301 &quot;quoted&quot; 50% – sale … naïve CafÃ© donâ€™t Ｗｉｄｅ &lt;b&gt; "
        + "free shipping vintage dress";

    /// <summary>The named sets, about eight words per caption.</summary>
    public static IReadOnlyList<CaptionSet> All(int captions) =>
        [
            Of("English", English, captions),
            Of("European", English + " " + European, captions),
            Of("Asian", Asian, captions),
            Of("emoji", Emoji, captions),
            Of("to repair", Web, captions),
            new("English, rare words", [.. Enumerable.Range(0, captions).Select(RareWords)]),
        ];

    /// <summary>Words by Zipf's law, sometimes with a capital or a full stop.</summary>
    private static CaptionSet Of(string name, string words, int captions)
    {
        var list = words.Split(' ');
        return new CaptionSet(name, [.. Enumerable.Range(0, captions).Select(Caption)]);

        string Caption(int number)
        {
            var random = new CounterRandom(1, 0, (ulong)number);
            var caption = new string[5 + random.NextInt64(7)];
            for (var i = 0; i < caption.Length; i++)
            {
                caption[i] = list[(int)(Math.Pow(list.Length, random.NextDouble()) - 1)];
            }

            caption[0] = char.ToUpperInvariant(caption[0][0]) + caption[0][1..];
            return string.Join(' ', caption) + (random.NextInt64(3) == 0 ? "." : "");
        }
    }

    /// <summary>Captions with a rare name or number in every third place, against which no cache helps.</summary>
    private static string RareWords(int number)
    {
        var random = new CounterRandom(2, 0, (ulong)number);
        var list = English.Split(' ');
        return string.Join(
            ' ',
            Enumerable
                .Range(0, 8)
                .Select(i =>
                    i % 3 == 2
                        ? string.Concat(Enumerable.Range(0, 8).Select(_ => (char)('a' + random.NextInt64(26))))
                        : list[random.NextInt64(list.Length)]
                )
        );
    }
}
