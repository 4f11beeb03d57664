import { LightningElement, api } from 'lwc';

// Each import makes the deployment fail while the field is missing, and keeps the field from being deleted.
import awsAccountId from '@salesforce/schema/Opportunity.AWS_Account_Id__c';
import buyerName from '@salesforce/schema/Opportunity.Buyer_Name__c';
import buyerEmail from '@salesforce/schema/Opportunity.Buyer_Email__c';
import buyerTimeZone from '@salesforce/schema/Opportunity.Buyer_Time_Zone__c';
import buyerCountry from '@salesforce/schema/Opportunity.Buyer_Country__c';
import dimensions from '@salesforce/schema/Opportunity.Dimensions__c';
import contractMonths from '@salesforce/schema/Opportunity.Contract_Months__c';
import contractStart from '@salesforce/schema/Opportunity.Contract_Start__c';
import offerExpiresOn from '@salesforce/schema/Opportunity.Offer_Expires_On__c';
import paymentSchedule from '@salesforce/schema/Opportunity.Payment_Schedule__c';
import netPaymentDays from '@salesforce/schema/Opportunity.Net_Payment_Days__c';
import eulaDocuments from '@salesforce/schema/Opportunity.Eula_Documents__c';
import renewal from '@salesforce/schema/Opportunity.Renewal__c';
import renews from '@salesforce/schema/Opportunity.Renews__c';
import orderFormSigned from '@salesforce/schema/Opportunity.Order_Form_Signed__c';
import billingMethod from '@salesforce/schema/Opportunity.Billing_Method__c';
import orderFormAmount from '@salesforce/schema/Opportunity.Order_Form_Amount__c';
import orderFormCurrency from '@salesforce/schema/Opportunity.Order_Form_Currency__c';
import orderFormMonths from '@salesforce/schema/Opportunity.Order_Form_Months__c';
import orderFormPaymentTerms from '@salesforce/schema/Opportunity.Order_Form_Payment_Terms__c';
import orderFormCompany from '@salesforce/schema/Opportunity.Order_Form_Company__c';
import offerStage from '@salesforce/schema/Opportunity.Offer_Stage__c';
import offerId from '@salesforce/schema/Opportunity.Offer_Id__c';
import offerUrl from '@salesforce/schema/Opportunity.Offer_Url__c';
import offerLinkExpires from '@salesforce/schema/Opportunity.Offer_Link_Expires__c';
import changeSetId from '@salesforce/schema/Opportunity.Change_Set_Id__c';
import agreementId from '@salesforce/schema/Opportunity.Agreement_Id__c';
import acceptedAt from '@salesforce/schema/Opportunity.Accepted_At__c';
import offerAmount from '@salesforce/schema/Opportunity.Offer_Amount__c';
import listingFee from '@salesforce/schema/Opportunity.Listing_Fee__c';
import netAmount from '@salesforce/schema/Opportunity.Net_Amount__c';
import disbursedAmount from '@salesforce/schema/Opportunity.Disbursed_Amount__c';
import disbursedOn from '@salesforce/schema/Opportunity.Disbursed_On__c';
import invoicedAmount from '@salesforce/schema/Opportunity.Invoiced_Amount__c';
import invoicedOn from '@salesforce/schema/Opportunity.Invoiced_On__c';
import paymentDueOn from '@salesforce/schema/Opportunity.Payment_Due_On__c';
import collectedOn from '@salesforce/schema/Opportunity.Collected_On__c';
import payoutState from '@salesforce/schema/Opportunity.Payout_State__c';
import payoutExpectedOn from '@salesforce/schema/Opportunity.Payout_Expected_On__c';
import bankTraceIds from '@salesforce/schema/Opportunity.Bank_Trace_Ids__c';
import agreementStatus from '@salesforce/schema/Opportunity.Agreement_Status__c';
import initialAgreementId from '@salesforce/schema/Opportunity.Initial_Agreement_Id__c';
import amendmentStage from '@salesforce/schema/Opportunity.Amendment_Stage__c';
import amendmentOfferId from '@salesforce/schema/Opportunity.Amendment_Offer_Id__c';
import offerAttention from '@salesforce/schema/Opportunity.Offer_Attention__c';
import offerDecisions from '@salesforce/schema/Opportunity.Offer_Decisions__c';
import offerUpdatedAt from '@salesforce/schema/Opportunity.Offer_Updated_At__c';

const TERMS = [
    awsAccountId,
    buyerName,
    buyerEmail,
    buyerTimeZone,
    buyerCountry,
    dimensions,
    contractMonths,
    contractStart,
    offerExpiresOn,
    paymentSchedule,
    netPaymentDays,
    eulaDocuments,
    renewal,
    renews,
];

const ORDER_FORM = [
    orderFormSigned,
    billingMethod,
    orderFormAmount,
    orderFormCurrency,
    orderFormMonths,
    orderFormPaymentTerms,
    orderFormCompany,
];

const PROGRESS = [
    offerStage,
    offerId,
    offerUrl,
    offerLinkExpires,
    changeSetId,
    agreementId,
    acceptedAt,
    offerAmount,
    listingFee,
    netAmount,
    disbursedAmount,
    disbursedOn,
    invoicedAmount,
    invoicedOn,
    paymentDueOn,
    collectedOn,
    payoutState,
    payoutExpectedOn,
    bankTraceIds,
    agreementStatus,
    initialAgreementId,
    amendmentStage,
    amendmentOfferId,
    offerAttention,
    offerDecisions,
    offerUpdatedAt,
];

export default class OfferflowOffer extends LightningElement {
    @api recordId;

    terms = TERMS;
    orderForm = ORDER_FORM;
    progress = PROGRESS;
}
