"""The template of the 15 explanations, from the facts in jpki.md section 4.2.

A TEMPLATE, TO BE CHECKED BY THE INSTITUTION'S OWN LAWYERS before it is shown to a customer: the official
wording of the 15 explanations is not public, and what belongs under an institution's own name (contact,
purposes, groups) only the institution knows. The page says that it is a template. ``PUT
/v1/services/{service_id}/consent-text`` replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: number: (heading, text)
JAPANESE: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        1: (
            "提供される情報",
            "同意いただいた項目(氏名・住所・生年月日・性別のうち、この画面に表示されたもの)の最新の内容が、"
            "地方公共団体情報システム機構(J-LIS)から提供されます。あわせて、新しい署名用電子証明書の発行の番号が、"
            "照会を行う事業者に提供されます。署名用電子証明書が失効し、新しい証明書が発行されていないときは、何も提供されません。",
        ),
        2: (
            "住所の代わりに提供される情報",
            "国外へ転出したときは、住所の代わりに、国外へ転出したことと転出予定日が提供されることがあります。",
        ),
        3: (
            "利用する目的",
            "提供された情報は、この画面に表示されたサービスで、お客さまの届出内容を最新に保つためだけに利用します。"
            "ほかの目的には利用しません。",
        ),
        4: (
            "同意の単位",
            "この同意は、この画面に表示されたサービスについてのものです。ほかのサービスについては、サービスごとに別の同意が必要です。",
        ),
        5: (
            "同意の期間",
            "同意の期間は10年間です。同意がJ-LISに反映された日の翌日(当社が同意を受け付けた日の翌日より遅い方)から始まります。",
        ),
        6: (
            "証明書が更新されたとき",
            "期間中に署名用電子証明書が失効したり、新しく発行されたりしても、この同意は続きます。",
        ),
        7: (
            "期間が終わる前のご案内",
            "同意していることを年に1回程度お知らせします。期間の終わりが近づいたときは、更新をご案内します。",
        ),
        8: (
            "同意の取消し",
            "同意はいつでも、サービスごとに取り消せます。取消しには署名用電子証明書による電子署名が必要です。"
            "当社の窓口のほか、J-LISの「JPKI利用者ソフト(利用者クライアントソフト)」からも取り消せます。",
        ),
        9: (
            "取消しの効果",
            "取消しがJ-LISに反映されると、その時から情報の提供は止まります。取消しより前に提供された情報は、取消しの対象になりません。",
        ),
        10: (
            "情報を取り扱う事業者",
            "照会と同意の手続きは、当社が委託する事業者(プラットフォーム事業者)を通じてJ-LISに対して行います。"
            "この事業者は、提供された情報を当社に渡した後に消去し、保管しません。",
        ),
        11: (
            "同意しない場合",
            "同意は任意です。同意しなくても、これまでどおりサービスをご利用いただけます。届出内容の変更は、従来の方法で手続きしてください。",
        ),
        12: (
            "同意の記録",
            "同意の内容と日時は、当社・プラットフォーム事業者・J-LISがそれぞれ記録します。"
            "署名に使われた電子証明書は、この目的では当社に保管されません。",
        ),
        13: (
            "開示の請求",
            "当社が情報を取得した日時と内容について、開示を請求できます。",
        ),
        14: (
            "サービスの終了",
            "当社がこの取得をやめるときは、あらかじめその日をお知らせします。",
        ),
        15: (
            "必要な電子署名",
            "同意には、マイナンバーカードまたはスマートフォンの署名用電子証明書による電子署名が必要です。"
            "紙の書面では同意できません。暗証番号を他人に知らせないでください。",
        ),
    }
)

ENGLISH: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        1: (
            "What is provided",
            "The Japan Agency for Local Authority Information Systems (J-LIS) provides the latest"
            " content of the items"
            " you agree to (those of name, address, date of birth and gender that this page shows), and"
            " the serial"
            " number of your new signing certificate to the company that makes the query. While your signing"
            " certificate is revoked and no new one has been issued, nothing is provided.",
        ),
        2: (
            "Instead of an address",
            "If you have moved abroad, that fact and the date may be provided instead of an address.",
        ),
        3: (
            "What it is used for",
            "The information is used only to keep your details up to date in the service that this page"
            " shows,"
            " and for nothing else.",
        ),
        4: (
            "One consent for one service",
            "This consent is for the service that this page shows. Each other service needs a consent of"
            " its own.",
        ),
        5: (
            "How long it lasts",
            "The consent lasts ten years. It begins on the day after J-LIS recorded it (or after we"
            " received it,"
            " whichever is later).",
        ),
        6: (
            "When your certificate is renewed",
            "The consent goes on when your signing certificate is revoked or a new one is issued.",
        ),
        7: (
            "Reminders",
            "We remind you of your consent about once a year, and of its renewal when its end comes near.",
        ),
        8: (
            "Withdrawing",
            "You can withdraw your consent at any time, for each service, with a signature by your signing"
            " certificate: with us, or with J-LIS's own application (JPKI client software).",
        ),
        9: (
            "What a withdrawal does",
            "Once J-LIS has recorded your withdrawal, nothing more is provided. Information provided"
            " before it is"
            " not affected.",
        ),
        10: (
            "Who handles the information",
            "Queries and consents go to J-LIS through a company that works for us (a platform operator)."
            " It deletes"
            " the information after handing it to us and does not keep it.",
        ),
        11: (
            "If you do not agree",
            "Agreeing is your free choice. You can go on using the service without it; please tell us of"
            " changes"
            " in the usual way.",
        ),
        12: (
            "Records",
            "We, the platform operator and J-LIS each keep a record of what you agreed to and when. We"
            " do not keep"
            " the certificate that you sign with for this purpose.",
        ),
        13: (
            "Disclosure",
            "You can ask us which information we obtained, and when.",
        ),
        14: (
            "If we stop",
            "If we stop obtaining this information, we will tell you the date beforehand.",
        ),
        15: (
            "The signature",
            "To agree you need an electronic signature by the signing certificate of your My Number Card"
            " or your"
            " smartphone; paper is not possible. Never tell anybody your PIN.",
        ),
    }
)
